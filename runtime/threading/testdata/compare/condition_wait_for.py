import threading
cond = threading.Condition()
items = []
def consume():
    with cond:
        print(cond.wait_for(lambda: len(items) >= 2))
        print(items)
t = threading.Thread(target=consume)
t.start()
for i in range(2):
    with cond:
        items.append(i)
        cond.notify()
t.join()
