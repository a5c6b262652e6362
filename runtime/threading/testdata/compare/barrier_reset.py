import threading, time
b = threading.Barrier(2)
def party():
    try:
        b.wait()
    except threading.BrokenBarrierError as e:
        print(repr(e))
t = threading.Thread(target=party)
t.start()
while b.n_waiting == 0:
    time.sleep(0.01)
b.reset()
t.join()
print(b.broken, b.n_waiting)
