import asyncio

async def main():
    loop = asyncio.get_running_loop()
    a = loop.call_soon(print, "never")
    b = loop.call_later(0.01, print, "never")
    c = loop.call_later(0.02, print, "runs")
    a.cancel()
    b.cancel()
    print(a.cancelled(), b.cancelled(), c.cancelled(), c.when() > loop.time())
    await asyncio.sleep(0.05)

asyncio.run(main())
