import asyncio

async def body():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError as e:
        print("inside", repr(e))
        raise

async def main():
    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    t.cancel("too slow")
    try:
        await t
    except asyncio.CancelledError as e:
        print("outside", repr(e))
    t = asyncio.create_task(body())
    t.cancel("at once")
    try:
        await t
    except asyncio.CancelledError as e:
        print("outside", repr(e))

asyncio.run(main())
