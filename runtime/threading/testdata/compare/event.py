import threading
e = threading.Event()
print(e.is_set(), e.wait(timeout=0.01))
e.set()
print(e.is_set(), e.wait())
e.clear()
print(e.is_set(), e.wait(0))
