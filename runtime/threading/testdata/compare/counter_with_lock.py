import threading
counter, lock = 0, threading.Lock()
def f():
    global counter
    for _ in range(500):
        with lock:
            counter += 1
threads = [threading.Thread(target=f) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(counter)
