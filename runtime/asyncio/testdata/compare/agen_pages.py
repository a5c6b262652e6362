import asyncio

requests = []

async def fetch(page):
    requests.append(page)
    await asyncio.sleep(0)
    return [page * 3 + i for i in range(3)]

async def items():
    for page in range(10):
        for x in await fetch(page):
            yield x

async def main():
    async for x in items():
        print(x)
        if x == 4:
            break
    print("requests:", requests)

asyncio.run(main())
