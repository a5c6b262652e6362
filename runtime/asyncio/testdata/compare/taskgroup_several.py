import asyncio

async def fails(e):
    raise e

async def on_cancel(e):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        raise e

async def main():
    try:
        async with asyncio.TaskGroup() as g:
            g.create_task(on_cancel(KeyError("c")))
            g.create_task(fails(ValueError("a")))
            g.create_task(fails(TypeError("b")))
    except* ValueError as e:
        print(e.exceptions[0])
    except* (TypeError, KeyError) as e:
        print(e, [repr(x) for x in e.exceptions])
    try:
        async with asyncio.TaskGroup() as g:
            g.create_task(on_cancel(KeyError("child")))
            await asyncio.sleep(0)
            raise ValueError("body")
    except ExceptionGroup as e:
        print(repr(e))

asyncio.run(main())
