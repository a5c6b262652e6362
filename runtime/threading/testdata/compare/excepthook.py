import threading
def hook(args):
    print(args.exc_type.__name__, repr(args.exc_value), args.thread.name)
threading.excepthook = hook
def f():
    raise ValueError("bad")
t = threading.Thread(target=f, name="worker")
t.start()
t.join()
print("main goes on", t.is_alive())
