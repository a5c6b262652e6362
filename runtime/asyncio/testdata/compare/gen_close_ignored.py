def stubborn():
    while True:
        try:
            yield 1
        except GeneratorExit:
            print("no")

g = stubborn()
next(g)
try:
    g.close()
except RuntimeError as e:
    print(repr(e))

def failing():
    try:
        yield 1
    finally:
        raise ValueError("in cleanup")

g = failing()
next(g)
try:
    g.close()
except ValueError as e:
    print(repr(e))
import os, sys
sys.stdout.flush()
os._exit(0)
