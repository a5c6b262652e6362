import asyncio, warnings
warnings.simplefilter("ignore")

async def inner():
    print("never")

async def main():
    c = inner()
    try:
        asyncio.run(c)
    except RuntimeError as e:
        print(repr(e))
    loop = asyncio.get_running_loop()
    for f in (lambda: loop.run_until_complete(c), loop.run_forever):
        try:
            f()
        except RuntimeError as e:
            print(repr(e))
    other = asyncio.new_event_loop()
    try:
        other.run_until_complete(c)
    except RuntimeError as e:
        print(repr(e))
    other.close()
    try:
        loop.close()
    except RuntimeError as e:
        print(repr(e))
    c.close()

asyncio.run(main())
