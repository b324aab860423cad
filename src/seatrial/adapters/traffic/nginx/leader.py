"""Leads a proxy whose processes can't be found again by themselves: nginx wipes out its environment, marks and all.

A program of its own without any import of ours, like `seatrial.doors`: `python leader.py nginx …`. It lives as long as the
proxy's first process, passes on that it shall end, and leaves no worker behind whose master was killed.
"""

import os
import signal
import subprocess
import sys


def main(command: list[str]) -> None:
    """Run the command until it ends, then end whatever it left in this process group."""
    child = subprocess.Popen(command)

    def end(_number: int, _frame: object) -> None:
        child.send_signal(signal.SIGQUIT)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child.wait()
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
