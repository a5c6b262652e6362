import asyncio

async def main():
    loop = asyncio.get_running_loop()
    order = []
    loop.call_later(0.06, order.append, "late")
    loop.call_later(0.02, order.append, "early")
    loop.call_at(loop.time() + 0.04, order.append, "middle")
    loop.call_soon(order.append, "soon")
    loop.call_later(0, order.append, "zero")
    loop.call_later(-1, order.append, "negative")
    await asyncio.sleep(0.1)
    print(order[0], order[1:3] == ["negative", "zero"], order[3:])

asyncio.run(main())
