import asyncio, socket

async def main():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    try:
        await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError as e:
        print(type(e).__name__, str(e).replace(str(port), "PORT"))
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        await asyncio.start_server(lambda r, w: None, "127.0.0.1", port)
    except OSError as e:
        print(type(e).__name__, str(e).replace(str(port), "PORT"))
    server.close()

asyncio.run(main())
