import asyncio
from contextvars import ContextVar, copy_context

v = ContextVar("v", default="none")

def soon(name):
    print(name, v.get())
    v.set("set by " + name)

async def main():
    loop = asyncio.get_running_loop()
    v.set("first")
    loop.call_soon(soon, "soon")
    loop.call_later(0.01, soon, "later")
    ctx = copy_context()
    ctx.run(v.set, "in ctx")
    loop.call_soon(soon, "given", context=ctx)
    loop.call_soon(soon, "again", context=ctx)
    loop.call_soon_threadsafe(soon, "threadsafe")
    f = loop.create_future()
    f.add_done_callback(lambda f: print("done", v.get()))
    f.add_done_callback(lambda f: print("done in", v.get()), context=ctx)
    v.set("second")
    f.set_result(None)
    await asyncio.sleep(0.02)
    print("task", v.get())
    print("ctx", ctx[v])

asyncio.run(main())
