import asyncio

async def main():
    for x in (42, None, "x"):
        try:
            asyncio.create_task(x)
        except TypeError as e:
            print(repr(e))
    try:
        asyncio.ensure_future(42)
    except TypeError as e:
        print(repr(e))

asyncio.run(main())
