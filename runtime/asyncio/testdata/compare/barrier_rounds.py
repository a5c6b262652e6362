import asyncio

async def party(name, b):
    for i in range(2):
        print(name, "arrives", i)
        place = await b.wait()
        print(name, "passes", i, "as", place)

async def main():
    b = asyncio.Barrier(3)
    await asyncio.gather(*(party(n, b) for n in "xyz"))
    print(b.parties, b.n_waiting, b.broken)

asyncio.run(main())
