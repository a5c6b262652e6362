import asyncio

async def handle(reader, writer):
    data = await reader.read()
    writer.write(b"you sent %d bytes" % len(data))
    writer.close()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(b"x" * 100000)
        await writer.drain()
    writer.write_eof()
    print((await reader.read()).decode())
    writer.close()
    server.close()

asyncio.run(main())
