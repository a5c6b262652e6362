def inner(n):
    for i in range(n):
        got = yield i
        if got:
            print("inner got", got)
    return n * 100

def outer():
    a = yield from inner(2)
    b = yield from inner(1)
    return a + b

g = outer()
print(next(g), g.send("hello"), next(g))
try:
    next(g)
except StopIteration as e:
    print(e.value)
