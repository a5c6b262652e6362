import asyncio

async def main():
    for cls in (asyncio.Queue, asyncio.LifoQueue, asyncio.PriorityQueue):
        q = cls()
        for x in (3, 1, 2, 5, 4):
            q.put_nowait(x)
        print([await q.get() for _ in range(5)])
    q = asyncio.PriorityQueue()
    for x in ([2, "b"], [1, "z"], [1, "a"]):
        q.put_nowait(x)
    print([q.get_nowait() for _ in range(3)])
    q.put_nowait(1)
    try:
        q.put_nowait("x")
    except TypeError as e:
        print(repr(e))

asyncio.run(main())
