import asyncio

async def body():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        pass
    return "survived"

async def main():
    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    t.cancel()
    print(await t, t.cancelled(), t.cancelling())

asyncio.run(main())
