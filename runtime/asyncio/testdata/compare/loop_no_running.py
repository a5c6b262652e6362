import asyncio

async def coro():
    pass

try:
    asyncio.get_running_loop()
except RuntimeError as e:
    print(repr(e))
c = coro()
try:
    asyncio.create_task(c)
except RuntimeError as e:
    print(repr(e))
c.close()
