import asyncio

async def inner():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        print("inner cancelled")
        raise

async def outer():
    try:
        await asyncio.wait_for(inner(), 5)
    except asyncio.CancelledError as e:
        print("outer", repr(e))
        raise

async def main():
    t = asyncio.create_task(outer())
    await asyncio.sleep(0.02)
    t.cancel("enough")
    try:
        await t
    except asyncio.CancelledError as e:
        print(t.cancelled())

asyncio.run(main())
