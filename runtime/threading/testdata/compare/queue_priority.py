import queue
q = queue.PriorityQueue()
for item in [(3, "c"), (1, "z"), (2, "b"), (1, "a"), (0.5, "half")]:
    q.put(item)
while not q.empty():
    print(*q.get())
for n in [5, 2, 8, 1, 9, 3, 7, 2]:
    q.put(n)
print(*[q.get() for _ in range(8)])
