import types

@types.coroutine
def stop():
    yield

async def coro():
    try:
        c.send(None)
    except ValueError as e:
        print(repr(e))
    await stop()
    try:
        c.close()
    except ValueError as e:
        print(repr(e))

c = coro()
c.send(None)
try:
    c.send(None)
except StopIteration as e:
    print(repr(e))
