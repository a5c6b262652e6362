import threading
try:
    threading.Semaphore(-1)
except ValueError as e:
    print(repr(e))
s = threading.BoundedSemaphore(1)
for f in (s.release, lambda: s.release(0)):
    try:
        f()
    except ValueError as e:
        print(repr(e))
with s:
    print(s.acquire(blocking=False))
