import asyncio

async def gen():
    try:
        x = yield 1
        print("sent", x)
        try:
            yield 2
        except ValueError as e:
            print("caught", repr(e))
            yield 3
    finally:
        print("cleanup")

async def main():
    g = gen()
    print(await anext(g))
    print(await g.asend("hello"))
    print(await g.athrow(ValueError("v")))
    await g.aclose()
    for step in (g.__anext__(), g.asend(None), g.aclose()):
        try:
            print(await step)
        except StopAsyncIteration as e:
            print(repr(e))
    g = gen()
    try:
        await g.asend(5)
    except TypeError as e:
        print(repr(e))
    await g.aclose()

asyncio.run(main())
