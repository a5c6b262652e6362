import threading
def show(f):
    try:
        f()
    except RuntimeError as e:
        print(repr(e))
t = threading.Thread(target=lambda: show(lambda: threading.current_thread().join()))
show(t.join)
t.start()
t.join()
show(t.start)
def daemon():
    t.daemon = True
show(daemon)
