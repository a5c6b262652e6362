import asyncio

async def main():
    f = asyncio.get_running_loop().create_future()
    print(f, f.done())
    f.set_result(3)
    print(f, f.done(), f.result(), await f)
    for g in (lambda: f.set_result(4), lambda: f.set_exception(ValueError())):
        try:
            g()
        except asyncio.InvalidStateError as e:
            print(repr(e))
    print(f.cancel(), f.cancelled())
    g = asyncio.get_running_loop().create_future()
    g.set_exception(ValueError("v"))
    print(g)
    try:
        await g
    except ValueError as e:
        print(repr(e))
    h = asyncio.get_running_loop().create_future()
    print(h.cancel("why"), h.cancelled(), h)
    try:
        await h
    except asyncio.CancelledError as e:
        print(repr(e))

asyncio.run(main())
