import asyncio

async def main():
    order = []
    async def nap(d):
        await asyncio.sleep(d)
        order.append(d)
    await asyncio.gather(nap(0.06), nap(0.02), nap(0.04), nap(0), nap(-1))
    print(order)
    print(await asyncio.sleep(0.001, "value"), await asyncio.sleep(0, "zero"), await asyncio.sleep(0.001))

asyncio.run(main())
