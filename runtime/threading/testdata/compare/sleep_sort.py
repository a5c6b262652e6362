import threading, time
out = []
def f(n):
    time.sleep(n / 20)
    out.append(n)
threads = [threading.Thread(target=f, args=(n,)) for n in (3, 1, 4, 2)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(out)
try:
    time.sleep(-1)
except ValueError as e:
    print(repr(e))
