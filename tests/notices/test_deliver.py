"""One notice to several receivers."""

import threading

from seatrial.notices.deliver import Delivery, deliver
from seatrial.ports import Notify
from seatrial.records import EventKind, Notice, NotifySpec, PermanentError, TemporaryError, UsageError
from seatrial.testing import MemoryNotify

NOTICE = Notice(key="k", event=EventKind.TRIAL, project="p", subject="s")


def specs(*names: str) -> list[NotifySpec]:
    """Receivers of these names."""
    return [NotifySpec(name=name, url="log://") for name in names]


def test_one_that_fails_keeps_none_of_the_others() -> None:
    """Each has its own outcome, in the order of the receivers."""
    reached = MemoryNotify()
    parts = {
        "down": MemoryNotify([TemporaryError("can't be reached", remedy="wait")]),
        "up": reached,
        "gone": MemoryNotify([PermanentError("HTTP 404")]),
    }
    found = deliver(NOTICE, specs("down", "up", "gone"), lambda spec: parts[spec.name])

    assert (
        Delivery(receiver="down", arrived=False, why="can't be reached", remedy="wait"),
        Delivery(receiver="up", arrived=True),
        Delivery(receiver="gone", arrived=False, why="HTTP 404"),
    ) == found
    assert [NOTICE] == reached.notices


def test_a_receiver_that_can_not_be_opened_did_not_get_it() -> None:
    """Its URL is wrong, or a variable is not set."""

    def opened(_: NotifySpec) -> Notify:
        raise UsageError("the url refers to ${X}, which is not set", remedy="export X")

    (found,) = deliver(NOTICE, specs("a"), opened)

    assert (False, "the url refers to ${X}, which is not set", "export X") == (found.arrived, found.why, found.remedy)


def test_none_waits_for_another() -> None:
    """Two that only return once both have begun: one after the other would never end."""
    both = threading.Barrier(2, timeout=10)

    class Waiting:
        def send(self, notice: Notice) -> None:
            assert NOTICE == notice
            both.wait()

    found = deliver(NOTICE, specs("a", "b"), lambda _: Waiting())

    assert [True, True] == [each.arrived for each in found]


def test_nobody_to_tell_is_no_error() -> None:
    """A project without receivers."""
    assert () == deliver(NOTICE, [], lambda _: MemoryNotify())
