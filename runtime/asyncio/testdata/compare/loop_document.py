import asyncio

async def worker(name, delay):
    print(name, "starting")
    await asyncio.sleep(delay)
    print(name, "done")
    return name

async def main():
    loop = asyncio.get_running_loop()
    began = loop.time()
    results = await asyncio.gather(worker("A", 0.2), worker("B", 0.1))
    print(results, loop.time() - began >= 0.19)
    began = loop.time()
    print([await worker("C", 0.1), await worker("D", 0.1)], loop.time() - began >= 0.19)

asyncio.run(main())
