import asyncio

async def bad():
    raise StopIteration(5)

async def main():
    try:
        await bad()
    except RuntimeError as e:
        print(repr(e), repr(e.__cause__))

asyncio.run(main())
