import threading
a, b = threading.Lock(), threading.Lock()
both = threading.Barrier(2)
def f(name, first, second):
    with first:
        both.wait()
        got = second.acquire(timeout=0.02)
        both.wait()
        print(got)
        if got:
            second.release()
threads = [threading.Thread(target=f, args=("x", a, b)), threading.Thread(target=f, args=("y", b, a))]
for t in threads:
    t.start()
for t in threads:
    t.join()
