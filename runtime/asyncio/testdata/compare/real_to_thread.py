import asyncio, time

def work(x):
    time.sleep(0.02)
    if x == "bad":
        raise ValueError(x)
    return x * 2

async def main():
    print(await asyncio.to_thread(work, "ab"))
    began = time.perf_counter()
    print(await asyncio.gather(*(asyncio.to_thread(work, str(i)) for i in range(4))))
    try:
        await asyncio.to_thread(work, "bad")
    except ValueError as e:
        print(repr(e))
    try:
        await asyncio.to_thread(3)
    except TypeError as e:
        print(repr(e))

asyncio.run(main())
