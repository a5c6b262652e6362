import asyncio

async def f(x, d):
    await asyncio.sleep(d)
    return x

async def main():
    for next_one in asyncio.as_completed([f("a", 10), f("b", 0.01)], timeout=0.05):
        try:
            print(await next_one)
        except TimeoutError as e:
            print(repr(e))

asyncio.run(main())
