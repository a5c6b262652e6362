import asyncio

async def f():
    pass

async def main():
    c = f()
    for args, kw in (([], {}), ([asyncio.create_task(f())], {"return_when": "SOON"}), ([c], {})):
        try:
            await asyncio.wait(args, **kw)
        except (ValueError, TypeError) as e:
            print(repr(e))
    c.close()

asyncio.run(main())
