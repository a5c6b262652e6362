import asyncio

async def coro(name):
    try:
        await asyncio.sleep(0)
    finally:
        print(name, "cleanup")

c = coro("a")
c.send(None)
c.close()
c.close()
d = coro("b")
d.close()
try:
    d.send(None)
except RuntimeError as e:
    print(repr(e))

async def stubborn():
    try:
        await asyncio.sleep(0)
    except GeneratorExit:
        print("no")
    await asyncio.sleep(0)

e = stubborn()
e.send(None)
try:
    e.close()
except RuntimeError as x:
    print(repr(x))
