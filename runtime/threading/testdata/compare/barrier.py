import threading
order, lock = [], threading.Lock()
b = threading.Barrier(3, action=lambda: print("all here", b.n_waiting))
def party():
    place = b.wait()
    with lock:
        order.append(place)
threads = [threading.Thread(target=party) for _ in range(3)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(sorted(order), b.parties, b.n_waiting, b.broken)
