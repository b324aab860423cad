"""What a person tells the gateway of a server that runs: files that the keeper reads, answers and removes.

Only one process at a time may speak to the proxy, and that is the project's server; a command beside it leaves its wish
here. Whoever may write into `.seatrial` may give orders; nobody else can.
"""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import msgspec

STOPPED = "stopped"
"""A file of this name: a person has ended the proxy, and it stays so until one wants it again."""
_ASKED, _ANSWERED, _FRESH = ".order", ".answer", ".new"


class WeightOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Give a service's canary so many thousandths of the requests."""

    id: str
    service: str
    weight: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an order; `error`: why nothing did; `usage`: that a person can mend it."""

    error: str = ""
    remedy: str = ""
    usage: bool = False


class Orders:
    """The orders of one project, in a folder of their own, which need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def stopped(self) -> bool:
        """Whether the proxy shall not run."""
        return (self._folder / STOPPED).exists()

    def stop(self) -> None:
        """The proxy shall end, and not be started again."""
        self._make_folder()
        (self._folder / STOPPED).touch()

    def start(self) -> None:
        """It shall run."""
        (self._folder / STOPPED).unlink(missing_ok=True)

    def give(self, service: str, weight: int) -> WeightOrder:
        """Leave an order for the keeper."""
        order = WeightOrder(id=uuid4().hex, service=service, weight=weight)
        self._make_folder()
        self._write(f"{order.id}{_ASKED}", order)
        return order

    def waiting(self) -> Iterator[WeightOrder]:
        """Those that nobody has answered, the oldest first; what can't be read is removed."""
        for file in sorted(self._folder.glob(f"*{_ASKED}"), key=_age):
            try:
                yield msgspec.json.decode(file.read_bytes(), type=WeightOrder)
            except FileNotFoundError:
                continue
            except msgspec.DecodeError:
                file.unlink(missing_ok=True)

    def answer(self, order: WeightOrder, answer: Answer) -> None:
        """Say what became of it; it waits no more."""
        self._write(f"{order.id}{_ANSWERED}", answer)
        (self._folder / f"{order.id}{_ASKED}").unlink(missing_ok=True)

    def answered(self, order: WeightOrder) -> bool:
        """Whether somebody has said what became of it."""
        return (self._folder / f"{order.id}{_ANSWERED}").exists()

    def answer_to(self, order: WeightOrder) -> Answer | None:
        """What became of it; None while nobody has said so."""
        try:
            return msgspec.json.decode((self._folder / f"{order.id}{_ANSWERED}").read_bytes(), type=Answer)
        except FileNotFoundError:
            return None

    def withdraw(self, order: WeightOrder) -> None:
        """Nobody waits for it any more, and it shall not be carried out."""
        for end in (_ASKED, _ANSWERED):
            (self._folder / f"{order.id}{end}").unlink(missing_ok=True)

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _write(self, name: str, what: msgspec.Struct) -> None:
        """Whole or not at all."""
        fresh = self._folder / f"{name}{_FRESH}"
        fresh.write_bytes(msgspec.json.encode(what))
        fresh.rename(self._folder / name)


def _age(file: Path) -> tuple[float, str]:
    try:
        return (file.stat().st_mtime, file.name)
    except FileNotFoundError:
        return (0.0, file.name)
