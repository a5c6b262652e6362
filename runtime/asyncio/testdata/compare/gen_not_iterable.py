async def coro():
    return 1

c = coro()
for f in (lambda: iter(3), lambda: next(3), lambda: next([1]), lambda: iter(c), lambda: next(c), lambda: list(None)):
    try:
        f()
    except TypeError as e:
        print(repr(e))
c.close()
