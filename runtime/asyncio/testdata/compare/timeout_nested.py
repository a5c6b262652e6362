import asyncio

async def main():
    try:
        async with asyncio.timeout(0.02) as outer:
            try:
                async with asyncio.timeout(1) as inner:
                    await asyncio.sleep(10)
            except TimeoutError:
                print("never")
            finally:
                print("inner", inner.expired())
    except TimeoutError:
        print("outer", outer.expired())
    try:
        async with asyncio.timeout(1) as outer:
            async with asyncio.timeout(0.02) as inner:
                await asyncio.sleep(10)
    except TimeoutError:
        print(inner.expired(), outer.expired())

asyncio.run(main())
