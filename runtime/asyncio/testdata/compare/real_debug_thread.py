import asyncio

async def main():
    loop = asyncio.get_running_loop()
    def wrong():
        try:
            loop.call_soon(print)
        except RuntimeError as e:
            print(repr(e))
        try:
            loop.call_later(1, print)
        except RuntimeError as e:
            print(repr(e))
    await asyncio.to_thread(wrong)

asyncio.run(main(), debug=True)
