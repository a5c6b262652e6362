import asyncio

async def producer(q):
    for i in range(5):
        await q.put(i)
        print("put", i, q.qsize())
    await q.put(None)

async def consumer(q):
    while (x := await q.get()) is not None:
        print("got", x)
        await asyncio.sleep(0)

async def main():
    q = asyncio.Queue(2)
    print(q.empty(), q.full(), q.maxsize)
    await asyncio.gather(producer(q), consumer(q))

asyncio.run(main())
