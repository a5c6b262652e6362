import asyncio

async def body():
    t = asyncio.current_task()
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        print(t.cancelling(), t.uncancel(), t.cancelling(), t.uncancel())
    await asyncio.sleep(0)
    return "went on"

async def main():
    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    t.cancel()
    print(t.cancelling())
    print(await t)

asyncio.run(main())
