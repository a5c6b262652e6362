import asyncio

async def body():
    try:
        print("waits")
        await asyncio.sleep(10)
    except asyncio.CancelledError as e:
        print("cancelled", repr(e))
        raise
    finally:
        print("cleanup")

async def main():
    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    t.cancel()
    print("requested", t.cancelling(), t.done())
    try:
        await t
    except asyncio.CancelledError as e:
        print(repr(e))
    print(t.cancelled())
    for f in (t.result, t.exception):
        try:
            f()
        except asyncio.CancelledError as e:
            print(repr(e))

asyncio.run(main())
