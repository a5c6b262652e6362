import asyncio

async def f(x, d):
    await asyncio.sleep(d)
    if x == "b":
        raise ValueError(x)
    return x

async def main():
    for next_one in asyncio.as_completed([f("a", 0.06), f("b", 0.04), f("c", 0.02)]):
        try:
            print(await next_one)
        except ValueError as e:
            print(repr(e))

asyncio.run(main())
