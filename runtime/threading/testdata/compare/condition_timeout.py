import threading
cond = threading.Condition(threading.Lock())
with cond:
    print(cond.wait(timeout=0.01))
    print(cond.wait_for(lambda: False, timeout=0.01))
    print(cond.wait_for(lambda: True, timeout=0))
