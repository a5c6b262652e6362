import asyncio

async def fails():
    yield 1
    raise ValueError("in the body")

async def stops():
    yield 1
    raise StopAsyncIteration("mine")

async def stubborn():
    try:
        yield 1
    except GeneratorExit:
        yield 2

async def main():
    try:
        async for x in fails():
            print(x)
    except ValueError as e:
        print(repr(e))
    g = stops()
    await anext(g)
    try:
        await anext(g)
    except RuntimeError as e:
        print(repr(e))
    g = stubborn()
    await anext(g)
    try:
        await g.aclose()
    except RuntimeError as e:
        print(repr(e))

asyncio.run(main())
