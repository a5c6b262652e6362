import asyncio

async def body():
    await asyncio.sleep(0.01)

async def main():
    print(asyncio.current_task().get_name(), len(asyncio.all_tasks()))
    ts = [asyncio.create_task(body(), name=n) for n in "abc"]
    print(sorted(t.get_name() for t in asyncio.all_tasks()))
    await asyncio.gather(*ts)
    print(len(asyncio.all_tasks()), [t.done() for t in ts])

asyncio.run(main())
