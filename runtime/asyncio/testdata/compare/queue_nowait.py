import asyncio

async def main():
    q = asyncio.Queue(1)
    try:
        q.get_nowait()
    except asyncio.QueueEmpty as e:
        print(repr(e))
    q.put_nowait("a")
    print(q)
    try:
        q.put_nowait("b")
    except asyncio.QueueFull as e:
        print(repr(e))
    print(q.get_nowait(), q.empty())
    q.task_done()
    try:
        q.task_done()
    except ValueError as e:
        print(repr(e))

asyncio.run(main())
