import asyncio

async def handle(reader, writer):
    await asyncio.sleep(0.05)
    writer.write(b"late\n")
    writer.close()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    a, b = await asyncio.gather(reader.readexactly(5), reader.readexactly(5), return_exceptions=True)
    print(a.decode().strip(), repr(b))
    try:
        async with asyncio.timeout(0.02):
            r2, w2 = await asyncio.open_connection("127.0.0.1", port)
            await r2.readexactly(5)
    except TimeoutError as e:
        print(repr(e))
    server.close()
    writer.close()
    w2.close()

asyncio.run(main())
