from inspect import getgeneratorstate as state

def gen():
    print(state(g))
    yield 1

g = gen()
print(state(g))
next(g)
print(state(g))
g.close()
print(state(g))
