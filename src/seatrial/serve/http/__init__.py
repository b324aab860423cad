"""HTTP/1.1 on httptools' parser and uvloop's transports, and nothing between them and the model.

A framework costs three to fifteen times what a small model does (docs/explanation/serving.md has the figures), so the
server speaks the protocol itself: the parser is llhttp's, the sockets are libuv's, and what is written here is the
order of answers, limits, time-outs and the end of connections.
"""

from seatrial.serve.http.connection import Bounds, Connection, Hub
from seatrial.serve.http.exchange import Exchange
from seatrial.serve.http.routes import Handler, Route, Routes

__all__ = ["Bounds", "Connection", "Exchange", "Handler", "Hub", "Route", "Routes"]
