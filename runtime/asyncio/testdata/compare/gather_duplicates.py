import asyncio

async def f():
    print("runs once")
    return object()

async def main():
    c = f()
    a, b = await asyncio.gather(c, c)
    print(a is b)
    t = asyncio.create_task(f())
    a, b, d = await asyncio.gather(t, t, t)
    print(a is b is d)

asyncio.run(main())
