import asyncio

async def stubborn():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        await asyncio.sleep(0.05)
        print("cleanup takes long")
        raise

async def main():
    try:
        await asyncio.wait_for(stubborn(), 0.02)
    except TimeoutError:
        print("time-out after the cleanup")

asyncio.run(main())
