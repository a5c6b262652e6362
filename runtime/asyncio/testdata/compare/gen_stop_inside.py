def gen():
    yield 1
    raise StopIteration("mine")

g = gen()
next(g)
try:
    next(g)
except RuntimeError as e:
    print(repr(e), repr(e.__cause__))

def takes(it):
    while True:
        yield next(it)

try:
    print(list(takes(iter([1, 2]))))
except RuntimeError as e:
    print(repr(e))
