def gen():
    yield from [1, 2]
    yield from "ab"
    yield from range(2)
    x = yield from ()
    print(x)

print(list(gen()))

def bad():
    yield from 3

try:
    list(bad())
except TypeError as e:
    print(repr(e))
