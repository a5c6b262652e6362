import threading, time
def f():
    print(threading.current_thread().daemon)
    inner = threading.Thread(target=lambda: print("inner", threading.current_thread().daemon))
    inner.start()
    inner.join()
    time.sleep(60)
t = threading.Thread(target=f, daemon=True)
print(t.daemon)
t.start()
time.sleep(0.1)
print("main ends")
