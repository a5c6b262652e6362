def gen():
    yield 1
    raise ValueError("in the body")

g = gen()
try:
    for v in g:
        print(v)
except ValueError as e:
    print(repr(e))
print(list(g))
