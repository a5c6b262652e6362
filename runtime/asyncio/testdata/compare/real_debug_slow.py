import asyncio, logging, re, time

class Print(logging.Handler):
    def emit(self, record):
        text = record.getMessage()
        if text.startswith("Executing"):
            print(re.sub(r"(coro=<\w+\(\)).*took \d\.\d\d\d seconds", r"\1 … took …", text))

logging.getLogger("asyncio").addHandler(Print())
logging.getLogger("asyncio").propagate = False

async def slow():
    time.sleep(0.15)
    await asyncio.sleep(0)

async def main():
    await asyncio.create_task(slow(), name="slow one")

asyncio.run(main(), debug=True)
