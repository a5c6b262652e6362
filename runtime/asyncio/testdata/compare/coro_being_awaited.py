import asyncio

async def inner():
    await asyncio.sleep(0)

async def waits(c):
    await c

async def main():
    c = inner()
    results = await asyncio.gather(waits(c), waits(c), return_exceptions=True)
    print(results)

asyncio.run(main())
