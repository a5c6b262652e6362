import asyncio

async def coro():
    await asyncio.sleep(1)

c = coro()
try:
    c.send(None)
except RuntimeError as e:
    print(repr(e))

async def wait_for(x):
    return await x

loop = asyncio.new_event_loop()
f = loop.create_future()
c = wait_for(f)
print(c.send(None) is f)
try:
    c.send(None)
except RuntimeError as e:
    print(repr(e))
loop.close()
