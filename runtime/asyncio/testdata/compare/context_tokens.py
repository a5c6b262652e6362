import asyncio
from contextvars import ContextVar, Token, copy_context
import re

def text(x):
    return re.sub(r" at 0x[0-9a-f]+", "", str(x))

def raised(fn, *args):
    try:
        fn(*args)
    except Exception as e:
        print(re.sub(r" at 0x[0-9a-f]+", "", repr(e)))

a, b = ContextVar("a", default=0), ContextVar("b")

async def main():
    print(a.name, a.get(), b.get("fallback"))
    try:
        b.get()
    except LookupError as e:
        print(f"LookupError('{text(e)}')" if "'" not in text(e) else f'LookupError("{text(e)}")')
    t1 = a.set(1)
    t2 = a.set(2)
    print(t1.old_value is not Token.MISSING, t2.old_value, t2.var is a)
    raised(b.reset, t2)
    raised(a.reset, t2)
    print(a.get())
    raised(a.reset, t2)
    raised(a.reset, t1)
    print(a.get())
    print(text(t1))
    t3 = a.set(3)
    ctx = copy_context()
    raised(ctx.run, a.reset, t3)
    print(a.get())

asyncio.run(main())
