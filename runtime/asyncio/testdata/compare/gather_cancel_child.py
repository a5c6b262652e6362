import asyncio

async def nap(d, x):
    await asyncio.sleep(d)
    print("end of", x)
    return x

async def main():
    a, b = asyncio.create_task(nap(10, "a")), asyncio.create_task(nap(0.02, "b"))
    g = asyncio.gather(a, b)
    await asyncio.sleep(0)
    a.cancel()
    try:
        await g
    except asyncio.CancelledError as e:
        print(repr(e), g.cancelled(), b.done())
    await b

asyncio.run(main())
