import asyncio

async def f(name):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        print(name, "cancelled")
        raise

async def main():
    g = asyncio.gather(f("a"), f("b"))
    await asyncio.sleep(0)
    print(g.cancel())
    try:
        await g
    except asyncio.CancelledError as e:
        print(repr(e), g.cancelled())
    g = asyncio.gather(f("c"), f("d"), return_exceptions=True)
    await asyncio.sleep(0)
    g.cancel()
    try:
        await g
    except asyncio.CancelledError as e:
        print(repr(e))

asyncio.run(main())
