import asyncio

async def f(x, d):
    await asyncio.sleep(d)
    print("end of", x)
    return x

async def main():
    async with asyncio.TaskGroup() as g:
        a = g.create_task(f("a", 0.03))
        b = g.create_task(f("b", 0.01), name="bee")
        print("body ends")
    print(a.result(), b.result(), b.get_name())
    try:
        c = f("late", 0)
        g.create_task(c)
    except RuntimeError as e:
        print(repr(e))
    c.close()

asyncio.run(main())
