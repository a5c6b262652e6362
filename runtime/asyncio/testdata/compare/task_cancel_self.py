import asyncio

async def main():
    asyncio.current_task().cancel("by myself")
    print("goes on to the next await")
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError as e:
        print(repr(e))
    t = asyncio.create_task(quick())
    await t
    print(t.cancelled())

async def quick():
    return 1

asyncio.run(main())
