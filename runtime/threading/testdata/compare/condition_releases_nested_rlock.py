import threading
lock = threading.RLock()
cond = threading.Condition(lock)
def wake():
    with cond:
        print("got it")
        cond.notify()
with cond:
    with cond:
        t = threading.Thread(target=wake)
        t.start()
        print(cond.wait(5))
t.join()
