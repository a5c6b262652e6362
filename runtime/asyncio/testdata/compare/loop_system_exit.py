import asyncio

async def exits():
    raise SystemExit(3)

async def main():
    try:
        t = asyncio.create_task(exits())
        await asyncio.sleep(1)
    finally:
        print("main is cancelled")

try:
    asyncio.run(main())
except SystemExit as e:
    print(repr(e))
