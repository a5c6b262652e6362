import asyncio

loop = asyncio.new_event_loop()
print(loop.is_running(), loop.is_closed())
loop.call_soon(print, "once")
loop.call_soon(loop.stop)
loop.call_soon(print, "still in the same iteration")
loop.run_forever()
loop.call_later(0.01, loop.stop)
loop.run_forever()
async def stops():
    loop.stop()
    await asyncio.sleep(1)
t = loop.create_task(stops())
try:
    loop.run_until_complete(t)
except RuntimeError as e:
    print(repr(e))
t.cancel()
try:
    loop.run_until_complete(t)
except asyncio.CancelledError as e:
    print(repr(e))
f = loop.create_future()
loop.call_soon(f.set_result, "value")
print(loop.run_until_complete(f))
loop.close()
loop.close()
for g in (loop.run_forever, lambda: loop.call_soon(print), lambda: loop.call_soon_threadsafe(print), lambda: loop.call_later(1, print)):
    try:
        g()
    except RuntimeError as e:
        print(repr(e))
