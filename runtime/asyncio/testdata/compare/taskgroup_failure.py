import asyncio

async def fails(d):
    await asyncio.sleep(d)
    raise ValueError("bad")

async def waits():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError as e:
        print("sibling cancelled", repr(e))
        raise

async def main():
    try:
        async with asyncio.TaskGroup() as g:
            g.create_task(waits())
            g.create_task(fails(0.01))
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError as e:
                print("body cancelled", repr(e))
                raise
    except ExceptionGroup as e:
        print(e)
        print(repr(e))
    print(asyncio.current_task().cancelling())

asyncio.run(main())
