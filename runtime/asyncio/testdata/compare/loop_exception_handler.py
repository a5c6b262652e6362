import asyncio

seen = []

async def fails():
    raise ValueError("nobody looks")

async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, ctx: seen.append((ctx["message"], repr(ctx.get("exception")))))
    t = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del t
    f = loop.create_future()
    f.set_exception(KeyError("x"))
    del f
    t = asyncio.create_task(fails())
    await asyncio.sleep(0)
    print("retrieved", repr(t.exception()))

asyncio.run(main())
for message, exception in seen:
    print(message, exception)
