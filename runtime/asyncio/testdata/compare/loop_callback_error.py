import asyncio

async def main():
    loop = asyncio.get_running_loop()
    def handler(loop, context):
        print(sorted(context), context["message"].split("<")[0].split(" ")[0:3], repr(context["exception"]))
    loop.set_exception_handler(handler)
    def bad():
        raise ValueError("in a callback")
    loop.call_soon(bad)
    loop.call_soon(print, "the next one runs")
    await asyncio.sleep(0)
    await asyncio.sleep(0)

asyncio.run(main())
