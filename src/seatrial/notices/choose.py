"""Who wants to hear of it: the receivers of a notice, by its event and its verdict."""

from collections.abc import Iterable

from seatrial.records import Notice, NotifySpec


def receivers_of(notice: Notice, specs: Iterable[NotifySpec]) -> tuple[NotifySpec, ...]:
    """The receivers that want this notice, in their order.

    An empty list of events or verdicts wants all of them. A notice without a verdict goes to everyone who wants its event.
    """
    return tuple(spec for spec in specs if _wants_event(spec, notice) and _wants_verdict(spec, notice))


def _wants_event(spec: NotifySpec, notice: Notice) -> bool:
    return not spec.events or notice.event in spec.events


def _wants_verdict(spec: NotifySpec, notice: Notice) -> bool:
    return not spec.verdicts or notice.verdict is None or notice.verdict in spec.verdicts
