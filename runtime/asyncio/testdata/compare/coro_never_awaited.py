import asyncio, gc, warnings

async def fetch():
    print("runs")

async def main():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fetch()
        asyncio.sleep(1)
        gc.collect()
    for w in caught:
        print(w.category.__name__, w.message)
    await fetch()

asyncio.run(main())
