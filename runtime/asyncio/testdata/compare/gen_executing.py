def gen():
    yield 1
    try:
        next(g)
    except ValueError as e:
        print(repr(e))
    try:
        g.close()
    except ValueError as e:
        print(repr(e))
    yield 2

g = gen()
print(next(g), next(g))
