import threading, time
cond = threading.Condition()
def wait(name):
    with cond:
        cond.wait()
        print(name, "woken")
threads = []
for name in "abc":
    t = threading.Thread(target=wait, args=(name,))
    t.start()
    threads.append(t)
    time.sleep(0.05)
for _ in range(3):
    with cond:
        cond.notify()
    time.sleep(0.05)
for t in threads:
    t.join()
