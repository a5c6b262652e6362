from collections import deque

def worker(name, n):
    for i in range(n):
        print(name, i)
        yield
    return name

ready = deque([worker("a", 2), worker("b", 3), worker("c", 1)])
while ready:
    g = ready.popleft()
    try:
        g.send(None)
        ready.append(g)
    except StopIteration as e:
        print("end of", e.value)
