import asyncio, time

ticks = []

async def ticker():
    while True:
        ticks.append(time.perf_counter())
        await asyncio.sleep(0.01)

async def noop():
    pass

async def main():
    t = asyncio.create_task(ticker())
    await asyncio.sleep(0.035)
    before = len(ticks)
    time.sleep(0.2)
    print("while blocked:", len(ticks) - before)
    before = len(ticks)
    for _ in range(1000):
        await noop()
    print("while awaiting what never suspends:", len(ticks) - before)
    await asyncio.sleep(0.05)
    gap = max(b - a for a, b in zip(ticks, ticks[1:]))
    print("largest gap is the blocking call:", gap >= 0.2)
    t.cancel()

asyncio.run(main())
