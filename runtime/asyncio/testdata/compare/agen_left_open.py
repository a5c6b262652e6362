import asyncio

async def gen():
    try:
        yield 1
    finally:
        await asyncio.sleep(0)
        print("closed at the end of the loop")

kept = []

async def main():
    g = gen()
    kept.append(g)
    print(await anext(g))
    print("main ends")

asyncio.run(main())
