import asyncio

async def f(d):
    try:
        await asyncio.sleep(d)
        return "value"
    except asyncio.CancelledError:
        print("cancelled inside")
        raise
    finally:
        print("cleanup")

async def fails():
    raise KeyError("k")

async def main():
    print(await asyncio.wait_for(f(0.01), 0.2))
    try:
        await asyncio.wait_for(f(10), 0.02)
    except TimeoutError as e:
        print(repr(e))
    try:
        await asyncio.wait_for(fails(), 1)
    except KeyError as e:
        print(repr(e))
    print(await asyncio.wait_for(f(0.01), None))

asyncio.run(main())
