import asyncio

async def f(x, d):
    await asyncio.sleep(d)
    print("end of", x)
    return x

async def main():
    print(await asyncio.gather(f("a", 0.04), f("b", 0.02), f("c", 0)))
    print(await asyncio.gather())
    fut = asyncio.get_running_loop().create_future()
    fut.set_result("future")
    print(await asyncio.gather(fut, asyncio.create_task(f("task", 0)), f("coro", 0)))

asyncio.run(main())
