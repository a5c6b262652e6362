import asyncio

async def inner():
    try:
        await asyncio.sleep(0)
    except ValueError as e:
        print("inner", repr(e))
        return "saved"

async def outer():
    v = await inner()
    print("outer has", v)
    await asyncio.sleep(0)

c = outer()
c.send(None)
print(c.throw(ValueError("v")))
try:
    c.throw(KeyError("k"))
except KeyError as e:
    print(repr(e))
c = outer()
try:
    c.throw(ValueError("early"))
except ValueError as e:
    print("never began", repr(e))
