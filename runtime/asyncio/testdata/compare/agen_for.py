import asyncio

async def async_range(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i

async def prints(name):
    async for i in async_range(3):
        print(name, i)

async def main():
    print([i async for i in async_range(5)])
    await asyncio.gather(prints("a"), prints("b"))

asyncio.run(main())
