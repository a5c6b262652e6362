import asyncio

async def main():
    loop = asyncio.get_running_loop()
    async with asyncio.timeout_at(loop.time() + 0.02) as t:
        t.reschedule(loop.time() + 0.2)
        await asyncio.sleep(0.05)
        print("still here")
    try:
        t.reschedule(loop.time())
    except RuntimeError as e:
        print(repr(e))
    try:
        async with asyncio.timeout_at(loop.time() + 10) as t:
            t.reschedule(loop.time() - 1)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    except TimeoutError:
        print("moved into the past")

asyncio.run(main())
