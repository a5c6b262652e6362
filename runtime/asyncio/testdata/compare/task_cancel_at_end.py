import asyncio

async def body():
    asyncio.current_task().cancel()
    return "a result that is lost"

async def main():
    t = asyncio.create_task(body())
    try:
        print(await t)
    except asyncio.CancelledError as e:
        print(repr(e), t.cancelled())

asyncio.run(main())
