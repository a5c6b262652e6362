import asyncio

async def body():
    print(asyncio.current_task().get_name())

async def main():
    await body()
    a = asyncio.create_task(body())
    b = asyncio.create_task(body(), name="mine")
    c = asyncio.create_task(body())
    c.set_name("renamed")
    await asyncio.gather(a, b, c, body())
    print(a.get_name(), b.get_name(), c.get_name())

asyncio.run(main())
