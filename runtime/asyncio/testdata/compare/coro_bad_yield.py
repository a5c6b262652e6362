import asyncio, types

@types.coroutine
def bad(x):
    yield x

async def main():
    for x in (1, "s"):
        try:
            await bad(x)
        except RuntimeError as e:
            print(repr(e))
    f = asyncio.get_running_loop().create_future()
    try:
        await bad(f)
    except RuntimeError as e:
        print(str(e).startswith("yield was used instead of yield from in task <Task pending name='Task-1'"))

asyncio.run(main())
