import asyncio

async def main():
    try:
        async with asyncio.timeout(0.02) as t:
            print(t.expired())
            await asyncio.sleep(10)
    except TimeoutError as e:
        print(repr(e), repr(e.__cause__), t.expired())
    async with asyncio.timeout(1) as t:
        await asyncio.sleep(0)
    print(t.expired(), asyncio.current_task().cancelling())
    async with asyncio.timeout(None) as t:
        print(t.when())
    try:
        async with asyncio.timeout(0):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    except TimeoutError:
        print("at once")
    try:
        async with asyncio.timeout(1):
            raise ValueError("its own")
    except ValueError as e:
        print(repr(e))

asyncio.run(main())
