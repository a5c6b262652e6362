import asyncio

async def body():
    print("body")
    return 5

async def main():
    t = asyncio.create_task(body())
    def one(f):
        print("one", f.result())
    t.add_done_callback(one)
    t.add_done_callback(lambda f: print("two"))
    t.add_done_callback(one)
    print(t.remove_done_callback(one))
    await t
    print("main")
    t.add_done_callback(lambda f: print("late"))
    print("before late")
    await asyncio.sleep(0)

asyncio.run(main())
