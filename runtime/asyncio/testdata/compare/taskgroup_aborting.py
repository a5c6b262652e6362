import asyncio

async def fails():
    raise ValueError("first")

async def main():
    try:
        async with asyncio.TaskGroup() as g:
            g.create_task(fails())
            try:
                await asyncio.sleep(1)
            finally:
                c = asyncio.sleep(0)
                try:
                    g.create_task(c)
                except RuntimeError as e:
                    print(str(e).endswith("is shutting down"))
                c.close()
    except ExceptionGroup as e:
        print(e)

asyncio.run(main())
