def gen():
    print("begins")
    yield 1
    print("goes on")
    yield 2
    return "done"

g = gen()
print("made")
print(next(g), next(g))
for _ in range(2):
    try:
        next(g)
    except StopIteration as e:
        print(repr(e), e.value)
