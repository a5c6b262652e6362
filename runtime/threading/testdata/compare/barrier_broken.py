import threading
b = threading.Barrier(2)
try:
    b.wait(timeout=0.01)
except threading.BrokenBarrierError as e:
    print(repr(e), b.broken)
try:
    b.wait()
except threading.BrokenBarrierError as e:
    print(repr(e))
b.reset()
print(b.broken)
b.abort()
print(b.broken)
