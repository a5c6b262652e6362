import asyncio

async def leaf(x):
    await asyncio.sleep(0)
    return x + 1

async def middle(x):
    return await leaf(x) * 10

async def main():
    print(await middle(await middle(1)))

asyncio.run(main())
