import asyncio

async def a(s):
    await s.acquire()
    await asyncio.sleep(0.01)
    s.release()
    print("a tries again, locked:", s.locked())
    await s.acquire()
    print("a")
    s.release()

async def b(s):
    await s.acquire()
    print("b")
    s.release()

async def main():
    s = asyncio.Semaphore(1)
    await asyncio.gather(a(s), b(s))

asyncio.run(main())
