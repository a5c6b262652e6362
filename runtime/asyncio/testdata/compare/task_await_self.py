import asyncio

async def main():
    t = asyncio.current_task()
    try:
        await t
    except RuntimeError as e:
        print(str(e).startswith("Task cannot await on itself: <Task pending name='Task-1' coro=<main()"))

asyncio.run(main())
