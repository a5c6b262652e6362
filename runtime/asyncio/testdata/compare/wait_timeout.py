import asyncio

async def f(d):
    await asyncio.sleep(d)
    return d

async def main():
    ts = [asyncio.create_task(f(0.01)), asyncio.create_task(f(0.3))]
    done, pending = await asyncio.wait(ts, timeout=0.05)
    print(len(done), len(pending), [t.cancelled() for t in pending])
    done, pending = await asyncio.wait(pending, timeout=0)
    print(len(done), len(pending))

asyncio.run(main())
