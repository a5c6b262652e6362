import asyncio

async def leaf():
    try:
        await asyncio.sleep(0)
        raise ValueError("deep")
    finally:
        print("leaf cleanup")

async def middle():
    try:
        await leaf()
    finally:
        print("middle cleanup")

async def main():
    try:
        await middle()
    except ValueError as e:
        print(repr(e))
    try:
        try:
            await leaf()
        except ValueError as e:
            raise KeyError("outer") from e
    except KeyError as e:
        print(repr(e), repr(e.__cause__))

asyncio.run(main())
