import asyncio

async def leaf():
    try:
        await asyncio.sleep(10)
    finally:
        print("leaf")

async def middle():
    try:
        await asyncio.create_task(leaf())
    finally:
        print("middle")

async def main():
    t = asyncio.create_task(middle())
    await asyncio.sleep(0.01)
    t.cancel()
    results = await asyncio.gather(t, return_exceptions=True)
    print(results)

asyncio.run(main())
