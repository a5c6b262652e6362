made = []

def count():
    n = 0
    while True:
        made.append(n)
        yield n
        n += 1

def evens(it):
    for v in it:
        if v % 2 == 0:
            yield v

def first(n, it):
    for v in it:
        if n == 0:
            return
        yield v
        n -= 1

for v in first(3, evens(count())):
    print(v, len(made))
