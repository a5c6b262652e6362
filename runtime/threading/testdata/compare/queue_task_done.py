import queue, threading
q = queue.Queue()
done = []
def work():
    while True:
        item = q.get()
        if item is None:
            q.task_done()
            return
        done.append(item * 10)
        q.task_done()
t = threading.Thread(target=work)
t.start()
for i in range(4):
    q.put(i)
q.put(None)
q.join()
print(done)
t.join()
try:
    q.task_done()
except ValueError as e:
    print(repr(e))
