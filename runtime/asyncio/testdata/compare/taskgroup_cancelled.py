import asyncio

async def child():
    try:
        await asyncio.sleep(10)
    finally:
        print("child cleanup")

async def body():
    async with asyncio.TaskGroup() as g:
        g.create_task(child())
        g.create_task(child())

async def main():
    t = asyncio.create_task(body())
    await asyncio.sleep(0.01)
    t.cancel("stop")
    try:
        await t
    except asyncio.CancelledError as e:
        print(repr(e), t.cancelled())
    async with asyncio.TaskGroup() as g:
        a = g.create_task(child())
        await asyncio.sleep(0)
        a.cancel()
    print("a cancelled child is no failure")

asyncio.run(main())
