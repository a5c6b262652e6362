import asyncio

async def f(d, fails=False):
    await asyncio.sleep(d)
    if fails:
        raise ValueError(d)

def names(ts):
    return sorted(t.get_name() for t in ts)

async def main():
    ts = [asyncio.create_task(f(0.01), name="ok"), asyncio.create_task(f(0.03, True), name="fails"), asyncio.create_task(f(0.2), name="slow")]
    done, pending = await asyncio.wait(ts, return_when=asyncio.FIRST_EXCEPTION)
    print(names(done), names(pending))
    done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
    print(names(done), names(pending))

asyncio.run(main())
