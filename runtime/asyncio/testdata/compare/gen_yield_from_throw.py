def inner():
    try:
        yield 1
    except ValueError as e:
        print("inner", repr(e))
        yield 2
    finally:
        print("inner cleanup")

def outer():
    try:
        yield from inner()
    except KeyError as e:
        print("outer", repr(e))
    finally:
        print("outer cleanup")
    yield 3

g = outer()
print(next(g), g.throw(ValueError("v")), g.throw(KeyError("k")))
g = outer()
next(g)
g.close()
