import queue
q = queue.Queue()
for i in range(3):
    q.put(i)
print(q.qsize(), q.empty(), q.full())
print(q.get(), q.get(), q.get(), q.empty())
try:
    q.get_nowait()
except queue.Empty as e:
    print(repr(e))
try:
    q.get(timeout=0.01)
except queue.Empty as e:
    print(repr(e))
