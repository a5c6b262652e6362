# python >= 3.13
import asyncio

async def getter(q):
    try:
        while True:
            print("got", await q.get())
    except asyncio.QueueShutDown as e:
        print(repr(e))

async def main():
    q = asyncio.Queue()
    for i in range(2):
        q.put_nowait(i)
    q.shutdown()
    try:
        await q.put(3)
    except asyncio.QueueShutDown as e:
        print("put", repr(e))
    await getter(q)
    q = asyncio.Queue()
    t = asyncio.create_task(getter(q))
    await asyncio.sleep(0)
    q.shutdown(immediate=True)
    await t

asyncio.run(main())
# prints:
# put QueueShutDown()
# got 0
# got 1
# QueueShutDown()
# QueueShutDown()
