import asyncio

async def coro():
    await asyncio.sleep(0)
    return 1

c = coro()
try:
    c.send(5)
except TypeError as e:
    print(repr(e))
c.send(None)
try:
    c.send(None)
except StopIteration as e:
    print(repr(e))
for f in (lambda: c.send(None), lambda: c.throw(ValueError("late"))):
    try:
        f()
    except RuntimeError as e:
        print(repr(e))
c.close()
