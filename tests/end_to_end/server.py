"""A small model server for end-to-end tests; `model.json` says what it does, well or badly.

Only the standard library, so that it starts in a tenth of a second in any environment.
"""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODEL = json.loads((Path(__file__).parent / "model.json").read_text())
MODE = MODEL.get("mode", "well")
CODE = "as committed"
COUNT = 0
HOARD = []


class Handler(BaseHTTPRequestHandler):
    """Answers /healthz, /metrics and /predict."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/metrics":
            self.answer(200, b"# TYPE predictions counter\npredictions_total %d\n" % COUNT, "text/plain")
        elif MODE == "unhealthy":
            self.answer(503, b"warming up")
        else:
            self.answer(200, b'{"status": "ok"}')

    def do_POST(self):
        global COUNT
        COUNT += 1
        row = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(MODEL.get("delay", 0))
        misbehave()
        x = row["x"]
        prediction = x + MODEL.get("bias", 0) if x % 5 < MODEL.get("right", 5) else x + 1
        if MODE == "nan":
            self.answer(200, b'{"prediction": NaN}')
        elif MODE == "html":
            self.answer(200, b"<html><body>Bad gateway</body></html>", "text/html")
        elif MODE == "500":
            self.answer(500, b"Traceback: it broke")
        else:
            self.answer(200, json.dumps({"prediction": prediction}).encode())

    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def misbehave():
    """What goes wrong while it is driven."""
    if MODE == "dies" and COUNT > MODEL.get("after", 60):
        print("fatal: the weights are gone", flush=True)
        os._exit(3)
    if MODE == "hangs":
        threading.Event().wait(60)
    if MODE == "leaks":
        HOARD.append(bytearray(4 << 20))
    if MODE == "floods":
        for _ in range(20):
            print("x" * 100_000)


if MODE == "dies at start":
    print("ModuleNotFoundError: No module named 'lightgbm'", flush=True)
    sys.exit(7)
print("listening", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
