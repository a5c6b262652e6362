import threading
def f():
    raise SystemExit(3)
t = threading.Thread(target=f)
t.start()
t.join()
print("main goes on")
