import asyncio

async def value():
    await asyncio.sleep(0)
    return 7

async def fails():
    raise ValueError("x")

async def main():
    t = asyncio.create_task(value())
    for f in (t.result, t.exception):
        try:
            f()
        except asyncio.InvalidStateError as e:
            print(repr(e))
    await t
    print(t.result(), t.exception(), t.done(), t.cancelled())
    t = asyncio.create_task(fails())
    await asyncio.wait([t])
    print(repr(t.exception()))
    try:
        t.result()
    except ValueError as e:
        print(repr(e))
    for f in (lambda: t.set_result(1), lambda: t.set_exception(ValueError())):
        try:
            f()
        except RuntimeError as e:
            print(repr(e))

asyncio.run(main())
