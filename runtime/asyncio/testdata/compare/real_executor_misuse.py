import asyncio
from concurrent.futures import ThreadPoolExecutor

async def main():
    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(1)
    print(await loop.run_in_executor(pool, len, "abc"))
    pool.shutdown()
    try:
        await loop.run_in_executor(pool, len, "abc")
    except RuntimeError as e:
        print(repr(e))
    await loop.shutdown_default_executor()
    try:
        await loop.run_in_executor(None, len, "abc")
    except RuntimeError as e:
        print(repr(e))

asyncio.run(main())
