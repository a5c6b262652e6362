import asyncio
from inspect import getcoroutinestate as state

async def coro():
    print(state(c))
    await asyncio.sleep(0)

c = coro()
print(state(c))
c.send(None)
print(state(c))
try:
    c.send(None)
except StopIteration:
    print(state(c))
