import asyncio

async def main():
    s = asyncio.Semaphore(2)
    running = peak = 0
    async def job(i):
        nonlocal running, peak
        async with s:
            running += 1
            peak = max(peak, running)
            print("job", i)
            await asyncio.sleep(0.01)
            running -= 1
    await asyncio.gather(*(job(i) for i in range(6)))
    print("peak", peak, s.locked())
    try:
        asyncio.Semaphore(-1)
    except ValueError as e:
        print(repr(e))
    b = asyncio.BoundedSemaphore(1)
    await b.acquire()
    b.release()
    try:
        b.release()
    except ValueError as e:
        print(repr(e))

asyncio.run(main())
