def gen():
    print("got", (yield 1))

g = gen()
try:
    g.send("x")
except TypeError as e:
    print(repr(e))
print(g.send(None))
try:
    g.send("y")
except StopIteration as e:
    print(repr(e))
