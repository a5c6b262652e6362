import threading, time
lock = threading.Lock()
def hold():
    with lock:
        held.set()
        time.sleep(0.2)
held = threading.Event()
t = threading.Thread(target=hold)
t.start()
held.wait()
print(lock.acquire(timeout=0.02))
print(lock.acquire(timeout=5))
lock.release()
t.join()
