import asyncio

async def answer():
    return 42

async def main():
    c = answer()
    print(await c)
    try:
        await c
    except RuntimeError as e:
        print(repr(e))
    t = asyncio.create_task(answer())
    print(await t, await t)

asyncio.run(main())
