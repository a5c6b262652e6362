import threading
lock = threading.RLock()
print(lock.acquire(), lock.acquire())
def other():
    print("other", lock.acquire(blocking=False))
    try:
        lock.release()
    except RuntimeError as e:
        print(repr(e))
t = threading.Thread(target=other)
t.start()
t.join()
lock.release()
t = threading.Thread(target=other)
t.start()
t.join()
lock.release()
try:
    lock.release()
except RuntimeError as e:
    print(repr(e))
