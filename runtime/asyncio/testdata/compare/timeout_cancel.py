import asyncio

async def body():
    try:
        async with asyncio.timeout(10):
            await asyncio.sleep(10)
    except TimeoutError:
        print("never")
    except asyncio.CancelledError as e:
        print("a cancellation stays one", repr(e))
        raise

async def swallows():
    try:
        async with asyncio.timeout(0.01):
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                print("swallowed")
    except TimeoutError:
        print("never")
    print("no time-out,", asyncio.current_task().cancelling(), "requests")

async def main():
    t = asyncio.create_task(body())
    await asyncio.sleep(0.01)
    t.cancel()
    await asyncio.wait([t])
    print(t.cancelled())
    await swallows()

asyncio.run(main())
