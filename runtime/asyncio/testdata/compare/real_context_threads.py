import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

v, empty = ContextVar("v", default="default"), ContextVar("empty")

def look(name):
    x = v.get()
    try:
        empty.get()
        missing = False
    except LookupError:
        missing = True
    print(name, x, missing)
    v.set("set by " + name)
    return v.get()

async def child():
    v.set("child")
    return await asyncio.to_thread(look, "child's thread")

async def main():
    v.set("main")
    empty.set("not empty")
    print(await asyncio.to_thread(look, "to_thread"), None)
    print(v.get())
    with ThreadPoolExecutor(1) as pool:
        loop = asyncio.get_running_loop()
        print(await loop.run_in_executor(pool, look, "executor"), None)
        print(await loop.run_in_executor(pool, look, "executor again"), None)
    t = threading.Thread(target=look, args=("thread",))
    t.start()
    t.join()
    print(v.get())
    print(await asyncio.create_task(child()))
    print(await asyncio.to_thread(v.get), None)

asyncio.run(main())
