"""python-socketio on uvicorn (uvloop, httptools, websockets), one process.

    python uvicorn_server.py --port P [--drones D] [--rate-hz 25] [--binary]
"""

import asyncio

import socketio
import uvicorn
import uvloop
from telemetry import arguments, updates

args = arguments()
io = socketio.AsyncServer(async_mode="asgi")


async def broadcast():
    for update, left in updates(args):
        await io.emit("drones-update", update)
        await asyncio.sleep(left())


async def main():
    app = socketio.ASGIApp(io)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=args.port, log_level="warning", backlog=4096)
    )
    if args.drones:
        io.start_background_task(broadcast)
    await server.serve()


uvloop.run(main())
