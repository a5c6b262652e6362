def gen():
    try:
        for i in range(5):
            yield i
    finally:
        print("cleanup")

g = gen()
for v in g:
    if v == 2:
        break
print("after break")
print(next(g))
g.close()
