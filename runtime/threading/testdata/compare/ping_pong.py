import threading
ping, pong = threading.Event(), threading.Event()
def f():
    for i in range(3):
        ping.wait()
        ping.clear()
        print("pong", i)
        pong.set()
t = threading.Thread(target=f)
t.start()
for i in range(3):
    print("ping", i)
    ping.set()
    pong.wait()
    pong.clear()
t.join()
