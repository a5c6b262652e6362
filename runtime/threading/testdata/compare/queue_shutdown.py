# python >= 3.13
import queue
q = queue.Queue()
q.put(1)
q.put(2)
q.shutdown()
try:
    q.put(3)
except queue.ShutDown as e:
    print(repr(e))
print(q.get())
q.shutdown(immediate=True)
try:
    q.get()
except queue.ShutDown as e:
    print(repr(e))
print(q.qsize())
# prints:
# ShutDown()
# 1
# ShutDown()
# 0
