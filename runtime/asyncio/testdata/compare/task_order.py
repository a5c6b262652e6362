import asyncio

async def main():
    loop = asyncio.get_running_loop()
    order = ["main"]
    async def task():
        order.append("task")
    loop.call_soon(order.append, "cs1")
    t = asyncio.create_task(task())
    loop.call_soon(order.append, "cs2")
    loop.call_later(0, order.append, "cl0")
    await asyncio.sleep(0)
    order.append("main2")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    order.append("main3")
    print(order)

asyncio.run(main())
