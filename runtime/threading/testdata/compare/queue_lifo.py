import queue
q = queue.LifoQueue()
for i in range(4):
    q.put(i)
print(q.get(), q.get())
q.put(9)
print(q.get(), q.get(), q.get())
