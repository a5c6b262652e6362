import asyncio

async def worker(name, lock):
    async with lock:
        print(name, "holds")
        await asyncio.sleep(0)
        print(name, "gives back")

async def main():
    lock = asyncio.Lock()
    print(lock.locked())
    await asyncio.gather(*(worker(n, lock) for n in "abc"))
    print(lock.locked(), await lock.acquire(), lock.locked())
    lock.release()
    try:
        lock.release()
    except RuntimeError as e:
        print(repr(e))

asyncio.run(main())
