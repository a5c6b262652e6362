import asyncio

async def main():
    n = 0
    async def atomic():
        nonlocal n
        for _ in range(100):
            n += 1
    async def torn():
        nonlocal n
        for _ in range(100):
            v = n
            await asyncio.sleep(0)
            n = v + 1
    await asyncio.gather(*[atomic() for _ in range(4)])
    print(n)
    n = 0
    await asyncio.gather(*[torn() for _ in range(4)])
    print(n)

asyncio.run(main())
