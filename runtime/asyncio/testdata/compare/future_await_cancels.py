import asyncio

async def waiter(f):
    await f

async def main():
    f = asyncio.get_running_loop().create_future()
    a = asyncio.create_task(waiter(f))
    b = asyncio.create_task(waiter(f))
    await asyncio.sleep(0)
    a.cancel()
    print(f.cancelled())
    print(await asyncio.gather(a, b, return_exceptions=True))

asyncio.run(main())
