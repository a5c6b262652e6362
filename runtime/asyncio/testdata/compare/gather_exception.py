import asyncio

async def fails(d):
    await asyncio.sleep(d)
    raise ValueError(f"after {d}")

async def works(d):
    try:
        await asyncio.sleep(d)
        print("the other went on")
    except asyncio.CancelledError:
        print("the other was cancelled")

async def main():
    try:
        await asyncio.gather(works(0.04), fails(0.02), fails(0.03))
    except ValueError as e:
        print(repr(e))
    await asyncio.sleep(0.05)

asyncio.run(main())
