import types

@types.coroutine
def ask(question):
    return (yield question)

async def talk():
    name = await ask("name?")
    age = await ask("age?")
    return name, age

c = talk()
print(c.send(None))
print(c.send("Ada"))
try:
    c.send(36)
except StopIteration as e:
    print(list(e.value))
