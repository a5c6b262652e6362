import asyncio, threading

async def double(x):
    await asyncio.sleep(0.01)
    if x is None:
        raise ValueError("nothing")
    return x * 2

async def main():
    loop = asyncio.get_running_loop()
    def thread():
        print(asyncio.run_coroutine_threadsafe(double(21), loop).result())
        try:
            asyncio.run_coroutine_threadsafe(double(None), loop).result()
        except ValueError as e:
            print(repr(e))
        try:
            asyncio.run_coroutine_threadsafe(3, loop)
        except TypeError as e:
            print(repr(e))
    await asyncio.to_thread(thread)

asyncio.run(main())
