import asyncio

async def gen():
    await asyncio.sleep(0.01)
    yield 1
    yield 2

async def step(g):
    return await g.__anext__()

async def main():
    g = gen()
    print(await asyncio.gather(step(g), step(g), return_exceptions=True))
    print(await step(g))
    s = g.__anext__()
    try:
        await s
    except StopAsyncIteration as e:
        print(repr(e))
    try:
        await s
    except RuntimeError as e:
        print(repr(e))

asyncio.run(main())
