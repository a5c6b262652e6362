import threading, time
def f():
    print("in the thread")
    time.sleep(0.05)
    print("thread ends")
t = threading.Thread(target=f)
t.start()
time.sleep(0.01)
print("after start")
t.join()
print("after join")
