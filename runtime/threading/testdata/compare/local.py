import threading
data = threading.local()
data.x = 1
def f():
    try:
        print(data.x)
    except AttributeError as e:
        print(repr(e))
    data.x = 2
    print(data.x)
t = threading.Thread(target=f)
t.start()
t.join()
print(data.x)
del data.x
try:
    del data.x
except AttributeError as e:
    print(type(e).__name__)
