import asyncio

async def f():
    print("never")

async def main():
    for d in (0, -1):
        try:
            await asyncio.wait_for(f(), d)
        except TimeoutError as e:
            print(repr(e))
    t = asyncio.create_task(asyncio.sleep(0, "done already"))
    await t
    print(await asyncio.wait_for(t, 0))

import warnings
warnings.simplefilter("ignore")
asyncio.run(main())
