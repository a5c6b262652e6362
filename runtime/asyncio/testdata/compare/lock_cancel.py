import asyncio

async def wants(name, lock):
    try:
        async with lock:
            print(name, "has it")
    except asyncio.CancelledError:
        print(name, "cancelled")

async def main():
    lock = asyncio.Lock()
    await lock.acquire()
    ts = [asyncio.create_task(wants(n, lock)) for n in "abc"]
    await asyncio.sleep(0)
    ts[0].cancel()
    lock.release()
    await asyncio.gather(*ts)
    await lock.acquire()
    ts = [asyncio.create_task(wants(n, lock)) for n in "de"]
    await asyncio.sleep(0)
    lock.release()
    ts[0].cancel()
    await asyncio.gather(*ts)
    print(lock.locked())

asyncio.run(main())
