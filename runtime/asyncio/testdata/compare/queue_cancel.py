import asyncio

async def getter(name, q):
    try:
        print(name, "got", await q.get())
    except asyncio.CancelledError:
        print(name, "cancelled")

async def main():
    q = asyncio.Queue()
    ts = [asyncio.create_task(getter(n, q)) for n in "abc"]
    await asyncio.sleep(0)
    ts[0].cancel()
    q.put_nowait(1)
    await asyncio.sleep(0)
    q.put_nowait(2)
    await asyncio.gather(*ts)
    ts = [asyncio.create_task(getter(n, q)) for n in "de"]
    await asyncio.sleep(0)
    q.put_nowait(3)
    ts[0].cancel()
    await asyncio.gather(*ts)

asyncio.run(main())
