import queue, threading
q, results = queue.Queue(), queue.Queue()
def work():
    while (item := q.get()) is not None:
        results.put(item * item)
threads = [threading.Thread(target=work) for _ in range(3)]
for t in threads:
    t.start()
for i in range(10):
    q.put(i)
for t in threads:
    q.put(None)
for t in threads:
    t.join()
print(sorted(results.get() for _ in range(10)), results.qsize())
