import threading
t = threading.Timer(30, print, ("never",))
t.start()
print(t.is_alive())
t.cancel()
t.join()
print(t.is_alive())
