import asyncio, time
from concurrent.futures import ThreadPoolExecutor

async def main():
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as pool:
        def job(x, d):
            time.sleep(d)
            print("did", x)
        a = loop.run_in_executor(pool, job, "a", 0.05)
        b = loop.run_in_executor(pool, job, "b", 0)
        await asyncio.sleep(0.01)
        print(a.cancel(), b.cancel())
        for f in (a, b):
            try:
                await f
            except asyncio.CancelledError as e:
                print(repr(e))
    print("the running one ended all the same")

asyncio.run(main())
