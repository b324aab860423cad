"""The parent process: it holds the sockets, so that no connection is lost while workers come and go.

It binds, forks the workers, restarts one that dies, replaces all of them one by one on SIGHUP (the new one is ready
before the old one is told to finish), and stops them on SIGTERM or SIGINT. It loads no model and no numerical library.

    signals in        SIGTERM, SIGINT: stop · SIGHUP: reload
    to a worker       SIGTERM: answer what was accepted, close idle connections, end
                      SIGUSR1: the same, but let idle connections send one more request first
                      SIGUSR2: all workers are ready, so say that the server is
    from a worker     one byte on its pipe when it is ready; its exit code
    the lifeline      a pipe that nobody writes to: it closes when the parent is gone, and the workers end
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from seatrial.records import PermanentError, UsageError
from seatrial.serve import door
from seatrial.serve.options import ServeOptions

BACKLOG = 1024
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
HEALTHY_SECONDS = 30.0
KILL_SECONDS = 5.0
READY = b"R"

log = logging.getLogger("seatrial.serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What a worker is given: where it listens, counts and reports.

    Attributes:
        name: unique in the life of this server.
        listener: already listening.
        report: file descriptor on which it says that it is ready.
        lifeline: file descriptor that closes when the parent is gone.
        metrics: folder of the shared counters.
        at_once: accept connections before the model is loaded (the first generation, so that health can be asked).
        door: a socket that other servers take connections from as well, for when the model is ready; None: none.
    """

    name: str
    listener: socket.socket
    report: int
    lifeline: int
    metrics: Path
    at_once: bool
    door: socket.socket | None = None


Work = Callable[[ServeOptions, Post], int]
"""What a worker does in its process; returns its exit code (0 done, 2 the user's mistake, 4 broken)."""


@dataclass(slots=True, kw_only=True)
class Worker:
    """One child process in the parent's books; the numbers rise."""

    pid: int
    number: int
    slot: int
    report: int
    started: float
    ready: bool = False
    retiring: bool = False
    kill_at: float | None = None

    @property
    def name(self) -> str:
        """As it is counted and logged."""
        return str(self.number)


@dataclass(slots=True, kw_only=True)
class Slot:
    """One place for a worker: its socket, and how often it had to be filled again in a row."""

    listener: socket.socket
    failures: int = 0
    start_at: float | None = None


class Counters(Protocol):
    """Where workers count; see `serve.metrics.folder`."""

    def make_folder(self) -> Path:
        """A folder that all workers share."""
        ...

    def fold(self, folder: Path, worker: str) -> None:
        """Keep what a worker counted that is gone."""
        ...

    def remove_folder(self, folder: Path) -> None:
        """The server ends."""
        ...


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """Runs workers until it is told to stop.

    Args:
        options: of the server.
        work: what a worker does.
        counters: what the workers count with.
        now: monotonic seconds.
        announce: is told the port once the sockets are bound.
    """

    options: ServeOptions
    work: Work
    counters: Counters
    now: Callable[[], float]
    announce: Callable[[int], None]
    _slots: list[Slot] = field(default_factory=list, init=False)
    _door: socket.socket | None = field(default=None, init=False)
    _workers: dict[int, Worker] = field(default_factory=dict, init=False)
    _metrics: Path = field(default=Path(), init=False)
    _lifeline: tuple[int, int] = field(default=(-1, -1), init=False)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector, init=False)
    _born: int = field(default=0, init=False)
    _stopping: bool = field(default=False, init=False)
    _served: bool = field(default=False, init=False)
    _complete: bool = field(default=False, init=False)
    _to_replace: list[int] = field(default_factory=list, init=False)
    _reload_again: bool = field(default=False, init=False)
    _exit_code: int = field(default=0, init=False)

    def run(self) -> int:
        """Serve until stopped; the exit code is 0, or that of a first worker that could not load the model."""
        self._door = door.fetch(self.options.door) if self.options.door is not None else None
        self._slots = [Slot(listener=listener) for listener in bind(self.options)]
        self._metrics = self.counters.make_folder()
        self._lifeline = os.pipe()
        try:
            with self._signals() as signals:
                self.announce(self._slots[0].listener.getsockname()[1])
                for slot in range(len(self._slots)):
                    self._start(slot)
                while self._workers or not self._stopping:
                    self._wait(signals)
                    self._reap()
                    self._look_after()
        finally:
            self.counters.remove_folder(self._metrics)
        return self._exit_code

    # what happens

    def _wait(self, signals: socket.socket) -> None:
        for key, _ in self._selector.select(self._pause()):
            if key.data is None:
                for number in signals.recv(64):
                    self._signalled(signal.Signals(number))
            else:
                self._heard(key.data)

    def _signalled(self, number: signal.Signals) -> None:
        if number in {signal.SIGTERM, signal.SIGINT}:
            log.info("stopping: %d workers finish what they accepted", len(self._workers))
            self._stop()
        elif number == signal.SIGHUP and not self._stopping:
            log.info("reloading")
            if self._to_replace:
                self._reload_again = True
            else:
                self._begin_reload()

    def _heard(self, worker: Worker) -> None:
        said = os.read(worker.report, 16)
        if not said:
            self._selector.unregister(worker.report)
            return
        if worker.retiring:
            return
        worker.ready = True
        self._served = True
        others = [other for other in self._workers.values() if other.slot == worker.slot and not other.retiring]
        for other in others:
            if other.number < worker.number:
                self._end(other, signal.SIGUSR1)
        if worker.number == max(other.number for other in others):
            self._replaced(worker.slot)
        self._tell_when_complete()

    def _tell_when_complete(self) -> None:
        """The first time that every place is filled, let the workers say that the server is ready."""
        ready = [worker for worker in self._workers.values() if worker.ready]
        if self._complete or len({worker.slot for worker in ready}) < len(self._slots):
            return
        self._complete = True
        for worker in ready:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGUSR2)

    def _refuse_connections(self) -> None:
        """Whoever connects from now on is told at once, where it would wait for workers that accept nobody any more."""
        # The door's socket is not shut down: the other servers go on taking from it.
        for slot in self._slots:
            with contextlib.suppress(OSError):
                slot.listener.shutdown(socket.SHUT_RDWR)

    def _reap(self) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            worker = self._workers.pop(pid, None)
            if worker is not None:
                self._ended(worker, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: Worker, code: int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(worker.report)
        os.close(worker.report)
        self.counters.fold(self._metrics, worker.name)
        if worker.retiring or self._stopping:
            return
        if not self._served:
            self._give_up(code)
        elif not worker.ready and worker.slot in self._to_replace:
            log.error("the reload failed: the new worker ended with code %d; the old ones go on", code)
            self._to_replace.clear()
            self._reload_again = False
        else:
            self._restart_later(worker, code)

    def _give_up(self, code: int) -> None:
        self._exit_code = code if code > 0 else 4
        self._stop()

    def _stop(self) -> None:
        self._stopping = True
        self._refuse_connections()
        for worker in self._workers.values():
            self._end(worker, signal.SIGTERM)

    def _restart_later(self, worker: Worker, code: int) -> None:
        slot = self._slots[worker.slot]
        lasted = self.now() - worker.started
        slot.failures = 1 if worker.ready and lasted > HEALTHY_SECONDS else slot.failures + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (slot.failures - 1))
        slot.start_at = self.now() + pause
        log.error("worker %s ended with code %d; another starts in %.1f s", worker.name, code, pause)

    # what is to be done

    def _look_after(self) -> None:
        now = self.now()
        for worker in self._workers.values():
            if worker.kill_at is not None and worker.kill_at <= now:
                log.warning("worker %s did not end in time and is killed", worker.name)
                worker.kill_at = None
                os.kill(worker.pid, signal.SIGKILL)
        for number, slot in enumerate(self._slots):
            if slot.start_at is not None and slot.start_at <= now and not self._stopping:
                slot.start_at = None
                self._start(number)

    def _pause(self) -> float | None:
        times = [worker.kill_at for worker in self._workers.values() if worker.kill_at is not None]
        times += [slot.start_at for slot in self._slots if slot.start_at is not None]
        return max(0.0, min(times) - self.now()) if times else None

    def _begin_reload(self) -> None:
        self._to_replace = list(range(len(self._slots)))
        self._start(self._to_replace[0])

    def _replaced(self, slot: int) -> None:
        if slot not in self._to_replace:
            return
        self._to_replace.remove(slot)
        if self._to_replace:
            self._start(self._to_replace[0])
        else:
            log.info("reloaded")
            if self._reload_again:
                self._reload_again = False
                self._begin_reload()

    def _end(self, worker: Worker, number: signal.Signals) -> None:
        worker.retiring = True
        worker.kill_at = self.now() + self.options.drain_timeout + KILL_SECONDS
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, number)

    def _start(self, slot: int) -> None:
        reading, writing = os.pipe()
        self._born += 1
        number = self._born
        listener = self._slots[slot].listener
        post = Post(
            name=str(number),
            listener=listener,
            report=writing,
            lifeline=self._lifeline[0],
            metrics=self._metrics,
            at_once=not self._served,
            door=self._door,
        )
        # A signal between the fork and the child's own handlers would be written to the parent's socket.
        signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
        pid = os.fork()
        if pid == 0:
            os._exit(self._be_a_worker(post))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)
        os.close(writing)
        worker = Worker(pid=pid, number=number, slot=slot, report=reading, started=self.now())
        self._workers[pid] = worker
        self._selector.register(reading, selectors.EVENT_READ, worker)

    def _be_a_worker(self, post: Post) -> int:
        """In the child: forget what is the parent's, and work."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        # A key press reaches the whole group; the parent says what is to be done.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)
        os.close(self._lifeline[1])
        self._selector.close()
        try:
            return self.work(self.options, post)
        except BaseException:  # nothing may run on into the parent's code
            log.exception("a worker broke")
            return 4

    @contextlib.contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        """Signals as bytes on a socket that the selector watches."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003 - positional in the standard library
        theirs.setblocking(False)  # noqa: FBT003
        before = {number: signal.signal(number, _note) for number in _OURS}
        wakeup = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        self._selector.register(ours, selectors.EVENT_READ, None)
        try:
            yield ours
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            ours.close()
            theirs.close()
            self._selector.close()
            for end in self._lifeline:
                os.close(end)
            for slot in self._slots:
                slot.listener.close()
            if self._door is not None:
                self._door.close()


_OURS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def _note(*_: object) -> None:
    """The number is already on the socket."""


def bind(options: ServeOptions) -> list[socket.socket]:
    """One listening socket a worker, all on the same address.

    With several, the kernel spreads connections over them (SO_REUSEPORT); the parent keeps each, so that what waits in
    one is not lost with its worker.

    Raises:
        UsageError: the address cannot be had.
    """
    listeners: list[socket.socket] = []
    port = options.port
    try:
        family, *_ = socket.getaddrinfo(options.host, port, type=socket.SOCK_STREAM)[0]
        for _ in range(options.workers):
            listener = socket.socket(family, socket.SOCK_STREAM)
            listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if options.workers > 1:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind((options.host, port))
            listener.listen(BACKLOG)
            listener.setblocking(False)  # noqa: FBT003 - positional in the standard library
            port = listener.getsockname()[1]
    except (OSError, OverflowError) as error:
        for listener in listeners:
            listener.close()
        raise UsageError(
            f"cannot listen there: {error}",
            where=f"{options.host}:{options.port}",
            remedy="name a free port and an address of this machine with --port and --host (port 0 takes a free one)",
        ) from error
    return listeners


def check_platform() -> None:
    """Raise PermanentError where processes cannot be forked."""
    if not hasattr(os, "fork"):
        raise PermanentError(
            "`seatrial serve` needs a POSIX system", remedy="run it in Linux (WSL or a container) or on macOS"
        )
