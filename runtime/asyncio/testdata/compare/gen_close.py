def gen():
    try:
        yield 1
        yield 2
    except GeneratorExit:
        print("exit")
        raise
    finally:
        print("cleanup")

g = gen()
next(g)
g.close()
g.close()
h = gen()
h.close()
try:
    next(h)
except StopIteration as e:
    print(repr(e))
