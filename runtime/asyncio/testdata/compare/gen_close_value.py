# python >= 3.13
def gen():
    try:
        yield 1
    except GeneratorExit:
        return "partial"

g = gen()
next(g)
print(g.close())
print(g.close())
# prints:
# partial
# None
