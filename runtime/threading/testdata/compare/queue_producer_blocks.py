import queue, threading, time
q = queue.Queue(1)
log = []
def produce():
    for i in range(3):
        q.put(i)
        log.append(f"put {i}")
t = threading.Thread(target=produce)
t.start()
time.sleep(0.05)
print(log)
for _ in range(3):
    print(q.get())
    time.sleep(0.05)
t.join()
print(log)
