"""Flask-SocketIO on gevent with gevent-websocket, one process.

    python gevent_server.py --port P [--drones D] [--rate-hz 25] [--binary]
"""

from gevent import monkey

monkey.patch_all()

from flask import Flask  # noqa: E402  (gevent must patch the standard library first)
from flask_socketio import SocketIO  # noqa: E402
from telemetry import arguments, updates  # noqa: E402

args = arguments()
app = Flask(__name__)
io = SocketIO(app, async_mode="gevent")


def broadcast():
    for update, left in updates(args):
        io.emit("drones-update", update)
        io.sleep(left())


if args.drones:
    io.start_background_task(broadcast)
io.run(app, host="127.0.0.1", port=args.port, log_output=False)
