# python >= 3.12
import asyncio

async def quick(name):
    print(name, "runs")
    return name

async def slow():
    print("slow begins")
    await asyncio.sleep(0)
    print("slow ends")

async def main():
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    t = asyncio.create_task(quick("a"))
    print("made", t.done())
    s = asyncio.create_task(slow())
    print("made", s.done())
    await s
    print(await asyncio.gather(quick("b"), quick("c")))

asyncio.run(main())
# prints:
# a runs
# made True
# slow begins
# made False
# slow ends
# b runs
# c runs
# ['b', 'c']
