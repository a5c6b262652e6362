import asyncio

def gen():
    yield 1

async def main():
    for x in (1, "s", None, 1.5, [1], gen(), main):
        try:
            await x
        except TypeError as e:
            print(repr(e))

asyncio.run(main())
