import asyncio

async def waiter(name, c):
    async with c:
        await c.wait()
        print(name, "woken", c.locked())

async def main():
    c = asyncio.Condition()
    ts = [asyncio.create_task(waiter(n, c)) for n in "abcd"]
    await asyncio.sleep(0)
    async with c:
        c.notify()
        print("one")
    await asyncio.sleep(0.01)
    async with c:
        c.notify(2)
        print("two")
    await asyncio.sleep(0.01)
    async with c:
        c.notify_all()
        print("all")
    await asyncio.gather(*ts)
    for f in (c.notify, c.notify_all):
        try:
            f()
        except RuntimeError as e:
            print(repr(e))
    try:
        await c.wait()
    except RuntimeError as e:
        print(repr(e))

asyncio.run(main())
