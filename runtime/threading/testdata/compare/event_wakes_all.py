import threading
e = threading.Event()
lock = threading.Lock()
n = 0
def wait():
    global n
    e.wait()
    with lock:
        n += 1
threads = [threading.Thread(target=wait) for _ in range(5)]
for t in threads:
    t.start()
print(n)
e.set()
for t in threads:
    t.join()
print(n)
