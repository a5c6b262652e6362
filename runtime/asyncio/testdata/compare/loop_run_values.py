import asyncio

async def answer():
    return 42

async def fails():
    raise ValueError("out of main")

print(asyncio.run(answer()))
try:
    asyncio.run(fails())
except ValueError as e:
    print(repr(e))
for x in (42, None, "coro"):
    try:
        asyncio.run(x)
    except ValueError as e:
        print(repr(e))
