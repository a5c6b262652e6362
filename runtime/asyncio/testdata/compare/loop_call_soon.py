import asyncio

async def main():
    loop = asyncio.get_running_loop()
    order = []
    def a():
        order.append("a")
        loop.call_soon(lambda: order.append("from a"))
    loop.call_soon(a)
    loop.call_soon(lambda: order.append("b"))
    await asyncio.sleep(0)
    order.append("main")
    await asyncio.sleep(0)
    print(order)

asyncio.run(main())
