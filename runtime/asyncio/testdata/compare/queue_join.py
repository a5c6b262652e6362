import asyncio

async def worker(name, q):
    while True:
        x = await q.get()
        await asyncio.sleep(0.01)
        print(name, "did", x)
        q.task_done()

async def main():
    q = asyncio.Queue()
    for i in range(4):
        q.put_nowait(i)
    ts = [asyncio.create_task(worker(n, q)) for n in "ab"]
    await q.join()
    print("all done")
    for t in ts:
        t.cancel()
    print(await asyncio.gather(*ts, return_exceptions=True))
    await q.join()

asyncio.run(main())
