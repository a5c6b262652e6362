def gen():
    while True:
        try:
            print("resumed with", (yield "ready"))
        except ValueError as e:
            print("caught", repr(e))
            yield "recovered"

g = gen()
next(g)
print(g.throw(ValueError("bad")))
print(next(g))
try:
    g.throw(KeyError("other"))
except KeyError as e:
    print("left with", repr(e))
try:
    next(g)
except StopIteration as e:
    print(repr(e))
h = gen()
try:
    h.throw(ValueError("early"))
except ValueError as e:
    print("not begun", repr(e))
try:
    next(h)
except StopIteration as e:
    print(repr(e))
