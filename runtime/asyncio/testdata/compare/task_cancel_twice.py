import asyncio

async def body():
    for i in range(3):
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            print("request", i, asyncio.current_task().cancelling())
    return "at last"

async def main():
    t = asyncio.create_task(body())
    for _ in range(3):
        await asyncio.sleep(0.01)
        print(t.cancel())
    print(await t)

asyncio.run(main())
