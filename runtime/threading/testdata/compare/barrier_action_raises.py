import threading
def action():
    raise ValueError("no")
b = threading.Barrier(1, action)
try:
    b.wait()
except ValueError as e:
    print(repr(e), b.broken)
