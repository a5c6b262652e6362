import asyncio

async def f(x):
    await asyncio.sleep(0)
    if x == 1:
        raise ValueError(x)
    if x == 2:
        raise asyncio.CancelledError("mine")
    return x

async def main():
    print(await asyncio.gather(*(f(x) for x in range(4)), return_exceptions=True))

asyncio.run(main())
