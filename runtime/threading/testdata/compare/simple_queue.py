import queue, threading
q = queue.SimpleQueue()
q.put(1)
q.put(2)
print(q.qsize(), q.empty(), q.get(), q.get_nowait())
try:
    q.get_nowait()
except queue.Empty as e:
    print(repr(e))
try:
    q.get(timeout=0.01)
except queue.Empty as e:
    print(repr(e))
t = threading.Thread(target=lambda: print("got", q.get()))
t.start()
q.put("x")
t.join()
