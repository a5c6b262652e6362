import queue
q = queue.Queue(maxsize=2)
q.put("a")
q.put("b")
print(q.full(), q.maxsize)
for f in (lambda: q.put_nowait("c"), lambda: q.put("c", timeout=0.01)):
    try:
        f()
    except queue.Full as e:
        print(repr(e))
print(q.get(), q.full())
q.put_nowait("c")
print(q.get(), q.get())
