import asyncio

async def worker(name):
    for i in range(3):
        print(f"{name}{i}", end=" ")
        await asyncio.sleep(0)

async def main():
    await asyncio.gather(worker("A"), worker("B"), worker("C"))
    print()

asyncio.run(main())
