import asyncio

async def background(name, d):
    try:
        await asyncio.sleep(d)
        print(name, "finished")
    except asyncio.CancelledError as e:
        print(name, "cancelled", repr(e))
        await asyncio.sleep(0)
        print(name, "cleaned up")
        raise

async def main():
    asyncio.create_task(background("a", 10))
    asyncio.create_task(background("b", 0.01))
    await asyncio.sleep(0.03)
    print("main ends")

asyncio.run(main())
