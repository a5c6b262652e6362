import threading, time
cond = threading.Condition()
woken = []
def wait(i):
    with cond:
        cond.wait()
        woken.append(i)
threads = [threading.Thread(target=wait, args=(i,)) for i in range(4)]
for t in threads:
    t.start()
time.sleep(0.1)
with cond:
    cond.notify_all()
    print(woken)
for t in threads:
    t.join()
print(sorted(woken))
