import asyncio

async def body():
    print("never")

async def main():
    t = asyncio.create_task(body())
    print(t.cancel(), t.cancelled(), t.done())
    try:
        await t
    except asyncio.CancelledError as e:
        print(repr(e), t.cancelled(), t.done())
    print(t.cancel())

asyncio.run(main())
