import asyncio

async def f(x, d):
    await asyncio.sleep(d)
    if x == "bad":
        raise ValueError(x)
    return x

def names(ts):
    return sorted(t.get_name() for t in ts)

async def main():
    ts = [asyncio.create_task(f(x, d), name=x) for x, d in (("a", 0.02), ("bad", 0.01), ("c", 0))]
    done, pending = await asyncio.wait(ts)
    print(names(done), names(pending))
    print(sorted(repr(t.exception()) for t in done))

asyncio.run(main())
