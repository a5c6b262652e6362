import asyncio, threading

async def worker(name, q):
    for i in range(3):
        await asyncio.sleep(0.001)
        q.append(name)
    return name

lists = {"a": [], "b": []}
results = {}

def thread(name):
    results[name] = asyncio.run(worker(name, lists[name]))

ts = [threading.Thread(target=thread, args=(n,)) for n in "ab"]
for t in ts:
    t.start()
for t in ts:
    t.join()
print(sorted(results.items()) == [("a", "a"), ("b", "b")], lists["a"], lists["b"])
