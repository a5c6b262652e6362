import threading
def f():
    t = threading.current_thread()
    print(t.name, t is threads[0], threading.main_thread().name)
print(threading.current_thread().name, threading.current_thread() is threading.main_thread())
threads = [threading.Thread(target=f, name="worker")]
threads[0].start()
threads[0].join()
