import asyncio
from contextvars import Context, ContextVar, copy_context

a, b = ContextVar("a"), ContextVar("b", default="default")

async def main():
    a.set(1)
    ctx = copy_context()

    def inner():
        print("inner", a.get())
        a.set(2)
        b.set("set")
        try:
            ctx.run(lambda: None)
        except RuntimeError as e:
            print(type(e).__name__, str(e).startswith("cannot enter context: <"), str(e).endswith("> is already entered"))
        return "result"

    print(ctx.run(inner), None)
    print(a.get(), b.get())
    print(len(ctx), ctx[a], ctx[b])
    print(a in Context(), len(Context()))

    def fails():
        raise ValueError("from inside")

    try:
        ctx.run(fails)
    except ValueError as e:
        print(repr(e))
    print(ctx.run(a.get))
    copied = ctx.copy()
    copied.run(a.set, "copy")
    print(ctx[a], copied[a])

asyncio.run(main())
