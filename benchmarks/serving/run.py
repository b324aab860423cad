"""`seatrial serve` beside its peers: same model, same machine, same client, one run.

Usage: python benchmarks/serving/run.py [--peers flask,fastapi,…] [--models ridge,forest] [--connections 1,16,64]
       [--seconds 5] [--repeats 3] [--json FILE] [--markdown FILE]

Needs `wrk`, `taskset` and two cores: the server is pinned to one, the client to the other. Each server is installed into
an environment of its own below the user's cache, from the pins in its file. Another peer is one more file in `peers/`; see
`server.py` for what stands in it.

This file only makes the folder importable, so that it can be started from anywhere; the story is in `__main__.py`.
"""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    runpy.run_module("benchmarks.serving", run_name="__main__", alter_sys=True)
