def averager():
    total, n, mean = 0, 0, None
    while True:
        x = yield mean
        if x is None:
            return n
        total += x
        n += 1
        mean = total // n

g = averager()
print(next(g))
for x in (10, 20, 60):
    print(g.send(x))
try:
    g.send(None)
except StopIteration as e:
    print("returned", e.value)
