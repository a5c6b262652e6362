import asyncio

order = []

async def noop():
    pass

async def a():
    for i in range(3):
        order.append(f"a{i}")
        await noop()

async def b():
    order.append("b")

async def main():
    await asyncio.gather(a(), b())
    f = asyncio.get_running_loop().create_future()
    f.set_result(1)
    t = asyncio.create_task(b())
    await f
    order.append("still here")
    await t
    print(order)

asyncio.run(main())
