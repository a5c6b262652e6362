import asyncio
from contextvars import ContextVar

user = ContextVar("user", default="nobody")
empty = ContextVar("empty")

async def child(name):
    print(name, "starts with", user.get())
    user.set(name)
    await asyncio.sleep(0.01)
    print(name, "still has", user.get())

async def plain():
    user.set("set by a callee")

async def main():
    user.set("main")
    await asyncio.gather(child("a"), child("b"))
    print(user.get())
    await plain()
    print(user.get())
    try:
        empty.get()
    except LookupError as e:
        print(type(e).__name__)
    token = user.set("for a while")
    user.reset(token)
    print(user.get())

asyncio.run(main())
