import asyncio

async def party(b):
    try:
        await b.wait()
    except asyncio.BrokenBarrierError as e:
        print(repr(e))

async def main():
    b = asyncio.Barrier(3)
    ts = [asyncio.create_task(party(b)) for _ in range(2)]
    await asyncio.sleep(0)
    print(b.n_waiting)
    await b.reset()
    await asyncio.gather(*ts)
    print(b.broken, b.n_waiting)
    ts = [asyncio.create_task(party(b)) for _ in range(2)]
    await asyncio.sleep(0)
    await b.abort()
    await asyncio.gather(*ts)
    await party(b)
    print(b.broken)

asyncio.run(main())
