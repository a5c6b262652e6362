import asyncio, threading

async def main():
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    seen = []
    def thread():
        for i in range(3):
            loop.call_soon_threadsafe(seen.append, i)
        loop.call_soon_threadsafe(done.set_result, "from a thread")
    t = threading.Thread(target=thread)
    t.start()
    print(await done, seen)
    t.join()

asyncio.run(main())
