import asyncio

async def main():
    c, items = asyncio.Condition(), []
    async def consumer():
        async with c:
            await c.wait_for(lambda: len(items) >= 2)
            print("enough", items)
    t = asyncio.create_task(consumer())
    for x in "ab":
        await asyncio.sleep(0)
        async with c:
            items.append(x)
            c.notify()
            print("put", x)
    await t

asyncio.run(main())
