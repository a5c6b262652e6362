import queue
q = queue.PriorityQueue()
q.put((1, {}))
q.put((1, {}))
try:
    q.put((1, {"a": 1}))
except TypeError as e:
    print(repr(e))
print(q.qsize())
q = queue.PriorityQueue()
q.put(1)
try:
    q.put("x")
except TypeError as e:
    print(repr(e))
