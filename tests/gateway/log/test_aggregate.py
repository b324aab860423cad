"""Lines become windows: exact counts, each line once, whatever the clocks do."""

from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.gateway.log.aggregate import GROUPS, Aggregate
from seatrial.gateway.log.moments import milliseconds
from seatrial.gateway.log.tally import Open, PartTally, Tally, side
from seatrial.records import AccessLine, Arm
from seatrial.records.window import latency_bin
from tests.gateway.log.making import NOON, at, line

START = milliseconds(NOON)
LATER = START + 3_600_000


def closed(*lines: AccessLine, now: int = LATER, seconds: float = 10.0) -> list[Open]:
    """The windows of these lines."""
    aggregate = Aggregate({"wine": seconds})
    for one in lines:
        aggregate.add(one, now)
    return aggregate.close(LATER)


def test_a_window_has_the_requests_that_were_answered_in_it() -> None:
    """From its begin on, up to its end."""
    windows = closed(line(0.0), line(9.999), line(10.0), line(25.0))

    assert [(0, 2), (10_000, 1), (20_000, 1)] == [(one.start - START, one.tallies[0].requests) for one in windows]


def test_each_service_has_windows_of_its_own_length() -> None:
    """Ten seconds unless something else is said."""
    aggregate = Aggregate({"wine": 60.0})
    for service in ("wine", "cars"):
        aggregate.add(line(65.0, service=service), LATER)

    assert [("wine", 60_000, 60_000), ("cars", 60_000, 10_000)] == [
        (one.service, one.start - START, one.length) for one in sorted(aggregate.opened(), key=lambda one: -one.length)
    ]


def test_everything_of_a_request_is_counted() -> None:
    """Errors by kind, latency by bin, replica, group."""
    (window,) = closed(
        line(1.0, seconds=0.1, unit="u1"),
        line(2.0, seconds=0.2, status=500, unit="u1"),
        line(3.0, seconds=0.1, endpoint="wine-1"),
    )
    low, high = latency_bin(0.1), latency_bin(0.2)

    (tally,) = window.tallies

    assert (3, {"5xx": 1}, {low: 2, high: 1}) == (tally.requests, tally.errors, tally.latency)
    assert 0.4 == round(tally.seconds, 9)
    assert {"wine-stable-0": PartTally(2, 1, {low: 1, high: 1}), "wine-1": PartTally(1, 0, {low: 1})} == tally.replicas
    assert [PartTally(2, 1, {low: 1, high: 1})] == list(tally.groups.values())
    assert (1, [{"u1"}]) == (tally.keyless, window.users)


def test_versions_are_told_apart() -> None:
    """A side that is being replaced has two; what nobody answered has none."""
    (window,) = closed(line(1.0), line(2.0, version="0"), line(3.0, status=503, served=None, flags="UH", version="1"))

    assert {("stable", "1"): 1, ("stable", "0"): 1, ("stable", ""): 1} == {
        (one.arm, one.version): one.requests for one in window.tallies
    }
    assert 2 == side(window.tallies, Arm.STABLE, "1").requests
    assert 3 == side(window.tallies, Arm.STABLE, "").requests


def test_a_crashing_canary_looks_bad_and_stable_does_not() -> None:
    """Stable stands in for it: errors of the canary, without a latency; nothing of it counts as stable's."""
    (window,) = closed(line(1.0), line(2.0, assigned=Arm.CANARY, served=Arm.STABLE, version="1", endpoint="wine-0"))

    canary, stable = side(window.tallies, Arm.CANARY, "2"), side(window.tallies, Arm.STABLE, "1")

    assert (1, {"failed over": 1}, {}, {}) == (canary.requests, canary.errors, canary.latency, canary.replicas)
    assert (1, {}) == (stable.requests, stable.errors)


def test_users_fall_into_groups_evenly() -> None:
    """64 of them, by a hash that is the same tomorrow."""
    (window,) = closed(*(line(1.0, unit=f"user-{number}") for number in range(2000)))

    assert GROUPS == len(window.tallies[0].groups)
    assert max(part.requests for part in window.tallies[0].groups.values()) < 70
    assert 20 == next(group for group in closed(line(1.0, unit="user-1"))[0].tallies[0].groups)


def test_a_late_line_counts_in_the_earliest_window_that_is_not_over() -> None:
    """Never in one that has been shown."""
    aggregate = Aggregate({})
    aggregate.close(START + 20_500)
    aggregate.add(line(3.0), LATER)

    assert [20_000] == [one.start - START for one in aggregate.opened()]


def test_a_line_of_the_future_counts_now() -> None:
    """It was written before the clock was set back."""
    aggregate = Aggregate({})
    aggregate.add(line(3600.0), START + 5_000)

    assert [0] == [one.start - START for one in aggregate.opened()]


def test_windows_go_on_where_another_process_left_them() -> None:
    """With the users that were seen in them."""
    first = Aggregate({})
    first.add(line(1.0, unit="u1"), LATER)
    second = Aggregate({}, first.opened(), first.horizon)
    second.add(line(2.0, unit="u1"), LATER)
    second.add(line(3.0, assigned=Arm.CANARY, unit="u2"), LATER)

    (window,) = second.close(LATER)

    assert [("stable", 2), ("canary", 1)] == [(one.arm, one.requests) for one in window.tallies]
    assert [{"u1"}, {"u2"}] == window.users


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("line"), st.floats(-500, 500)),
            st.tuples(st.just("now"), st.floats(-500, 500)),
            st.tuples(st.just("close"), st.floats(-500, 500)),
        ),
        max_size=60,
    )
)
def test_no_line_is_lost_and_no_window_comes_twice(steps: list[tuple[str, float]]) -> None:
    """Wherever lines, clock and horizon jump."""
    aggregate, now, lines = Aggregate({}), START, 0
    over: list[Open] = []
    for step, seconds in steps:
        if step == "line":
            aggregate.add(line(seconds), now)
            lines += 1
        elif step == "now":
            now = max(now, milliseconds(at(seconds)))
        else:
            over += aggregate.close(min(now, milliseconds(at(seconds))))
    over += aggregate.close(now + 10_000)

    starts = [one.start for one in over]
    assert sorted(set(starts)) == starts
    assert lines == sum(tally.requests for one in over for tally in one.tallies)


def test_tallies_add_up() -> None:
    """Two windows together are one of twice the length."""
    lines = [line(float(n), seconds=0.05 * (n + 1), status=500 if n % 3 else 200, unit=f"u{n % 4}") for n in range(20)]
    total = Tally("stable", "1")
    for window in closed(*lines):
        total.add(window.tallies[0])

    (whole,) = closed(*lines, seconds=20.0)

    assert round(whole.tallies[0].seconds, 9) == round(total.seconds, 9)
    whole.tallies[0].seconds = total.seconds
    assert whole.tallies[0] == total
