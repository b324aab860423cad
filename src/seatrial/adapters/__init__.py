"""The adapters: `adapters/<port>/<name>.py`, each a small file that speaks to one real thing.

Only `wiring` imports this room, so that everything else is written against `seatrial.ports` and runs on the shipped
fakes in tests.
"""
