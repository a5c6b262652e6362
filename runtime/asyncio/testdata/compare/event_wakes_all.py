import asyncio

async def waiter(name, e):
    print(name, await e.wait())

async def main():
    e = asyncio.Event()
    ts = [asyncio.create_task(waiter(n, e)) for n in "abc"]
    await asyncio.sleep(0)
    print(e.is_set())
    e.set()
    e.clear()
    print("set and cleared")
    await asyncio.gather(*ts)
    print(e.is_set())
    e.set()
    print(await e.wait())

asyncio.run(main())
