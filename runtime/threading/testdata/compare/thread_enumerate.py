import threading
go = threading.Event()
threads = [threading.Thread(target=go.wait, name=n) for n in "abc"]
print(threading.active_count())
for t in threads:
    t.start()
print(threading.active_count(), [t.name for t in threading.enumerate()])
go.set()
for t in threads:
    t.join()
print(threading.active_count(), [t.name for t in threading.enumerate()])
