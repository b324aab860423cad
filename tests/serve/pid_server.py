"""A server whose workers answer their process id, run by the supervisor; for tests of the supervisor alone.

Usage: pid_server.py FOLDER WORKERS. A worker that starts while FOLDER/broken is there ends with code 2 at once.
Writes the port to FOLDER/port and each folded worker to FOLDER/folded.
"""

import os
import selectors
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from seatrial.serve.main import set_up_log
from seatrial.serve.options import ServeOptions
from seatrial.serve.supervisor import READY, Post, Supervisor


@dataclass(frozen=True, slots=True)
class Program:
    """What the workers do, and where they leave word."""

    folder: Path

    def work(self, _: ServeOptions, post: Post) -> int:
        """Answer connections until a signal comes or the parent is gone."""
        if (self.folder / "broken").exists():
            return 2
        ended: list[int] = []
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, lambda *_: ended.append(1))
        ours, theirs = os.pipe()
        os.set_blocking(theirs, False)
        signal.set_wakeup_fd(theirs)
        selector = selectors.DefaultSelector()
        for source in (post.listener.fileno(), post.lifeline, ours):
            selector.register(source, selectors.EVENT_READ)
        os.write(post.report, READY)
        while not ended:
            ready = {key.fd for key, _ in selector.select()}
            if post.lifeline in ready:
                break
            if post.listener.fileno() in ready:
                answer(post)
        return 0

    def make_folder(self) -> Path:
        """Counters would be kept here."""
        return self.folder

    def remove_folder(self, folder: Path) -> None:
        """Nothing is kept."""

    def fold(self, folder: Path, worker: str) -> None:
        """Note whose counters would be kept."""
        with (folder / "folded").open("a") as file:
            file.write(f"{worker}\n")

    def announce(self, port: int) -> None:
        """Write the port, whole or not at all."""
        (self.folder / "port.new").write_text(str(port))
        (self.folder / "port.new").rename(self.folder / "port")


def answer(post: Post) -> None:
    """Tell one caller who this is; another worker may have been faster."""
    try:
        connection, _ = post.listener.accept()
    except BlockingIOError:
        return
    with connection:
        connection.sendall(str(os.getpid()).encode())


def main() -> int:
    """Run until told to stop."""
    program = Program(Path(sys.argv[1]))
    set_up_log(as_json=False)
    options = ServeOptions(model="", port=0, workers=int(sys.argv[2]), drain_timeout=1.0)
    supervisor = Supervisor(
        options=options, work=program.work, counters=program, now=time.monotonic, announce=program.announce
    )
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
