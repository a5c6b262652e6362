import asyncio

async def gen():
    yield 1

def plain():
    yield 1

async def main():
    for x in ([1], 3, plain(), main):
        try:
            async for _ in x:
                pass
        except TypeError as e:
            print(repr(e))
    try:
        for _ in gen():
            pass
    except TypeError as e:
        print(repr(e))
    g = gen()
    try:
        await g
    except TypeError as e:
        print(repr(e))

asyncio.run(main())
