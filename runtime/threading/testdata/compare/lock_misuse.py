import threading
lock = threading.Lock()
try:
    lock.release()
except RuntimeError as e:
    print(repr(e))
try:
    with lock:
        raise KeyError("k")
except KeyError as e:
    print(repr(e), lock.locked())
