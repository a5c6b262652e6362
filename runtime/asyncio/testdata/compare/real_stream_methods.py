import asyncio

async def handle(reader, writer):
    writer.write(b"one\ntwo;three;rest")
    writer.close()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    print((await reader.readline()).decode().strip())
    print((await reader.readuntil(b";")).decode())
    print((await reader.readexactly(5)).decode())
    print((await reader.read(1)).decode())
    for f in (lambda: reader.readexactly(-1), lambda: reader.readuntil(b""), lambda: reader.readexactly(10)):
        try:
            await f()
        except (ValueError, EOFError) as e:
            print(type(e).__name__, e)
    print((await reader.read()).decode(), reader.at_eof(), await reader.readline() == b"")
    writer.close()
    server.close()

asyncio.run(main())
