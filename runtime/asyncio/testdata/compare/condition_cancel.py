import asyncio

async def waiter(name, c):
    try:
        async with c:
            await c.wait()
            print(name, "woken")
    except asyncio.CancelledError:
        print(name, "cancelled, lock is", "held" if c.locked() else "free")

async def main():
    c = asyncio.Condition()
    ts = [asyncio.create_task(waiter(n, c)) for n in "ab"]
    await asyncio.sleep(0)
    ts[0].cancel()
    await asyncio.sleep(0.01)
    async with c:
        c.notify()
    await asyncio.gather(*ts)

asyncio.run(main())
