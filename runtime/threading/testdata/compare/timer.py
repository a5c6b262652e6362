import threading
fired = threading.Event()
t = threading.Timer(0.02, lambda: (print("fired"), fired.set()))
t.start()
print(fired.wait(10))
t.join()
print(t.is_alive(), t.finished.is_set())
