import asyncio

async def main():
    try:
        await asyncio.gather(1, 2)
    except TypeError as e:
        print(repr(e))

asyncio.run(main())
