import asyncio

async def main():
    other = asyncio.new_event_loop()
    f = other.create_future()
    try:
        await f
    except RuntimeError as e:
        print("got Future <Future pending> attached to a different loop" in str(e))
    try:
        asyncio.ensure_future(f, loop=asyncio.get_running_loop())
    except ValueError as e:
        print(repr(e))
    other.close()

asyncio.run(main())
