import asyncio

async def fails():
    await asyncio.sleep(0)
    raise ValueError("inner")

async def main():
    try:
        await asyncio.shield(fails())
    except ValueError as e:
        print(repr(e))
    t = asyncio.create_task(asyncio.sleep(10))
    s = asyncio.shield(t)
    await asyncio.sleep(0)
    t.cancel()
    try:
        await s
    except asyncio.CancelledError as e:
        print(repr(e), s.cancelled())

asyncio.run(main())
