import asyncio

async def fetch_data():
    print("start")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("done")
    return 42

c = fetch_data()
print("nothing has run yet")
print(c.send(None), c.send(None))
try:
    c.send(None)
except StopIteration as e:
    print(repr(e), e.value)
