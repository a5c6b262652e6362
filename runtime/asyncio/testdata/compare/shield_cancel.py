import asyncio

async def inner():
    try:
        await asyncio.sleep(0.05)
        print("inner finished")
        return "result"
    except asyncio.CancelledError:
        print("never")

async def outer(t):
    try:
        await asyncio.shield(t)
    except asyncio.CancelledError as e:
        print("outer", repr(e))
        raise

async def main():
    t = asyncio.create_task(inner())
    o = asyncio.create_task(outer(t))
    await asyncio.sleep(0.01)
    o.cancel()
    await asyncio.wait([o])
    print(o.cancelled(), t.cancelled())
    print(await t)
    print(await asyncio.shield(asyncio.sleep(0, "through")))

asyncio.run(main())
