import asyncio

class Ticket:
    def __init__(self, n):
        self.n = n
    def __await__(self):
        for _ in range(self.n):
            yield
        return f"after {self.n}"

class BadInt:
    def __await__(self):
        return 3

class BadCoro:
    def __await__(self):
        return asyncio.sleep(0)

async def main():
    print(await Ticket(0), await Ticket(3))
    for x in (BadInt(), BadCoro()):
        try:
            await x
        except TypeError as e:
            print(repr(e))

import warnings
warnings.simplefilter("ignore")
asyncio.run(main())
