import asyncio

async def f(d):
    await asyncio.sleep(d)
    return d

def names(ts):
    return sorted(t.get_name() for t in ts)

async def main():
    ts = [asyncio.create_task(f(d), name=n) for n, d in (("slow", 0.06), ("fast", 0.02), ("middle", 0.04))]
    while ts:
        done, ts = await asyncio.wait(ts, return_when=asyncio.FIRST_COMPLETED)
        print(names(done), names(ts))

asyncio.run(main())
