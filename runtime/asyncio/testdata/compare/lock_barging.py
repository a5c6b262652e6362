import asyncio

async def a(lock):
    await lock.acquire()
    await asyncio.sleep(0)
    lock.release()
    await lock.acquire()
    print("a again")
    lock.release()

async def b(lock):
    async with lock:
        print("b")

async def main():
    lock = asyncio.Lock()
    await asyncio.gather(a(lock), b(lock))

asyncio.run(main())
