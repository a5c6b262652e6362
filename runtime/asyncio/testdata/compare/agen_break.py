import asyncio, contextlib

async def gen(name):
    try:
        for i in range(3):
            yield i
    finally:
        print(name, "cleanup begins")
        await asyncio.sleep(0)
        print(name, "cleanup ends")

async def main():
    async for i in gen("a"):
        break
    print("after break")
    await asyncio.sleep(0.01)
    async with contextlib.aclosing(gen("b")) as g:
        async for i in g:
            break
    print("after aclosing")

asyncio.run(main())
