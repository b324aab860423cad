"""The driver against real servers: what is sent to whom and when, and what is handed over."""

import asyncio
import itertools
import threading

import pytest

from seatrial.records import Driving, UsageError
from seatrial.trial.drive.lanes import Lost
from tests.drive.driving import Driven, drive_all, lane, point, requests
from tests.drive.servers import LocalServer, Received, fixed, http
from tests.waiting import wait_until


def test_every_lane_gets_the_same_requests_in_the_same_order() -> None:
    """Baseline and candidate see the rows in the order of the file, over and over as `count` asks."""
    with LocalServer() as baseline, LocalServer() as candidate:
        drive_all(
            [
                lane(baseline.url, "d@baseline", count=50, rate=200.0, block=0.05),
                lane(candidate.url, "d@candidate", count=50, rate=200.0, block=0.05),
            ]
        )
    expected = [b"%d" % (index % 20) for index in range(50)]
    assert expected == baseline.bodies
    assert expected == candidate.bodies


def test_samples_carry_row_block_status_and_prediction() -> None:
    """Every request becomes one sample, in order."""

    async def echo(request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(http(b'{"outputs": [{"value": %b}]}' % request.body))

    with LocalServer(echo) as server:
        driven = drive_all([lane(server.url, count=10, prediction="outputs.0.value")])
    assert [(row, row // 5, 200, None, row) for row in range(10)] == [
        (sample.request, sample.block, sample.status, sample.error, sample.prediction) for sample in driven.samples()
    ]


def test_requests_carry_method_path_and_headers() -> None:
    """What the specification says is what arrives; answers are asked for as plain JSON."""
    with LocalServer() as server:
        drive_all([lane(server.url + "/", count=1, path="/v2/predict?x=1", headers={"X-Key": "k"}, method="put")])
    request = server.received[0]
    assert ("PUT", "/v2/predict?x=1") == (request.method, request.path)
    wanted = {"x-key": "k", "content-type": "application/json", "accept-encoding": "identity"}
    assert wanted == {name: request.headers[name] for name in wanted}


def test_a_stall_shows_in_every_request_that_it_held_up() -> None:
    """A server that stops for 300 ms is seen by all requests that were due meanwhile (no coordinated omission)."""
    stall = 0.3
    gate = asyncio.Lock()

    async def stall_once(request: Received, writer: asyncio.StreamWriter) -> None:
        async with gate:
            if request.number == 10:
                await asyncio.sleep(stall)
        writer.write(http())

    with LocalServer(stall_once) as server:
        samples = drive_all([lane(server.url, count=60, rate=100.0, block=1.0)]).samples()
    began = samples[10].sent
    meanwhile = [sample for sample in samples if began <= sample.sent < began + stall - 0.01]
    assert 29 <= len(meanwhile)
    for sample in meanwhile:
        assert began + stall - sample.sent - 0.005 <= sample.latency


def test_requests_leave_on_schedule_whatever_the_answers_do() -> None:
    """Open loop: a request is sent while the one before it has no answer yet."""
    together = 0
    waiting = 0
    release = asyncio.Event()

    async def hold(_: Received, writer: asyncio.StreamWriter) -> None:
        nonlocal together, waiting
        waiting += 1
        together = max(together, waiting)
        if waiting == 20:
            release.set()
        await release.wait()
        writer.write(http())

    with LocalServer(hold) as server:
        driven = drive_all([lane(server.url, count=20, block=1.0)])
    assert {None} == driven.errors()
    assert 20 == together


def test_no_request_is_sent_before_its_time() -> None:
    """The lag is never negative, and intended times are a request's place in its block over the rate."""
    with LocalServer() as server:
        driven = drive_all([lane(server.url, count=20, rate=500.0, block=0.02)])
    assert all(sample.lag >= 0 for sample in driven.samples())
    for block in driven.blocks:
        gaps = [after.sent - before.sent for before, after in itertools.pairwise(block.samples)]
        assert gaps == pytest.approx([0.002] * 9)


def test_a_turn_lasts_as_long_as_its_requests_at_the_rate() -> None:
    """Turns on end keep the rate: the gap after the last request belongs to the turn."""
    with LocalServer() as server:
        driven = drive_all([lane(server.url, count=20, rate=500.0, block=0.02)])
    assert all(block.seconds >= 0.02 for block in driven.blocks)


def test_poisson_arrivals_are_the_same_for_all_lanes_of_a_deployment() -> None:
    """The pairing needs the same arrivals; they come from the seed."""

    def offsets(driven: Driven, cell: str) -> list[float]:
        return [
            sample.sent - block.samples[0].sent
            for block in sorted(driven.blocks, key=lambda block: block.block)
            if block.cell == cell
            for sample in block.samples
        ]

    with LocalServer() as server:
        lanes = [lane(server.url, cell, arrivals=Driving.POISSON) for cell in ("d@baseline", "d@candidate")]
        first = drive_all(lanes, seed=7)
        again = drive_all(lanes, seed=7)
        other = drive_all(lanes, seed=8)
    baseline = offsets(first, "d@baseline")
    assert baseline == pytest.approx(offsets(first, "d@candidate"))
    assert baseline == pytest.approx(offsets(again, "d@baseline"))
    assert baseline != pytest.approx(offsets(other, "d@baseline"))


def test_lanes_take_turns_in_a_random_order_that_the_seed_repeats() -> None:
    """Each round has every lane once, those of a deployment adjacent; the order varies and depends on the seed alone."""
    cells = ["a@baseline", "a@candidate", "b@baseline", "b@candidate"]
    with LocalServer() as server:
        lanes = [lane(server.url, cell, count=24, block=0.001) for cell in cells]
        first, again, other = (drive_all(lanes, seed=seed).order for seed in (1, 1, 2))
    assert first == again
    assert first != other
    rounds = [[cell for index, cell in first if index == number] for number in range(24)]
    assert all(cells == sorted(order) for order in rounds)
    assert all(order[0][0] == order[1][0] and order[2][0] == order[3][0] for order in rounds)
    assert 8 == len({tuple(order) for order in rounds})


def test_connections_are_kept_over_blocks() -> None:
    """A lane whose requests do not overlap needs one connection."""
    with LocalServer() as server:
        driven = drive_all([lane(server.url, count=20, rate=200.0, block=0.025)])
    assert 4 == len(driven.blocks)
    assert 1 == server.connections


def test_the_warm_up_is_sent_first_and_left_out() -> None:
    """Warm-up requests reach the server before any other and are in no sample."""
    with LocalServer() as server:
        driven = drive_all([lane(server.url, count=5, warmup=3)])
    assert [b"0", b"1", b"2", b"0", b"1", b"2", b"3", b"4"] == server.bodies
    assert 5 == len(driven.samples())
    assert driven.summary is not None
    assert {"d@candidate": 5} == driven.summary.requests


def test_a_warm_up_that_fails_does_not_count() -> None:
    """What the warm-up met is forgotten."""

    async def fail_first(request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(http(status=500 if request.number < 3 else 200))

    with LocalServer(fail_first) as server:
        assert {None} == drive_all([lane(server.url, warmup=3, rate=20.0)]).errors()


def test_concurrent_lanes_are_driven_together() -> None:
    """With `concurrent`, both lanes of a block are in flight at once: each answers only when the other was asked."""
    barrier = threading.Barrier(2, timeout=10)

    async def meet(_: Received, writer: asyncio.StreamWriter) -> None:
        await asyncio.to_thread(barrier.wait)
        writer.write(http())

    with LocalServer(meet) as baseline, LocalServer(meet) as candidate:
        driven = drive_all(
            [
                lane(server.url, cell, count=4, concurrent=True, block=0.002)
                for server, cell in ((baseline, "d@baseline"), (candidate, "d@candidate"))
            ]
        )
    assert {None} == driven.errors()
    assert [0, 0, 1, 1] == [block for block, _ in driven.order]


def test_driving_stops_when_it_is_told_to() -> None:
    """`stop` is asked after each complete round."""
    asked: list[int] = []

    def stop(block: int) -> bool:
        asked.append(block)
        return block == 1

    with LocalServer() as server:
        lanes = [lane(server.url, cell, block=0.005) for cell in ("d@baseline", "d@candidate")]
        driven = drive_all(lanes, stop=stop)
    assert [0, 1] == asked
    assert 4 == len(driven.blocks)
    assert driven.summary is not None
    assert (2, 4, True) == (driven.summary.rounds, driven.summary.planned, driven.summary.stopped)


def test_a_lane_that_ends_is_given_up_and_the_others_go_on() -> None:
    """Its finished blocks stay; the block in which it ended is delivered with the errors; then it gets no more turns."""

    async def end_at_12(request: Received, writer: asyncio.StreamWriter) -> None:
        if request.number >= 12:
            writer.transport.abort()
        else:
            writer.write(http())

    with LocalServer(end_at_12) as dying, LocalServer() as well:
        driven = drive_all(
            [
                lane(dying.url, "d@candidate", block=0.005, alive=lambda: len(dying.received) < 13),
                lane(well.url, "d@baseline", block=0.005),
            ]
        )
    assert [("d@candidate", 2)] == driven.lost
    assert 15 == len(driven.samples("d@candidate"))
    assert 20 == len(driven.samples("d@baseline"))
    assert driven.summary is not None
    assert (Lost("d@candidate", 2, "ended"),) == driven.summary.lost


def test_a_lane_that_ended_before_its_turn_sends_nothing() -> None:
    """No block of refused connections is counted for a lane that is known to be gone."""
    with LocalServer() as server:
        driven = drive_all([lane(server.url, alive=lambda: False)])
    assert ([], [("d@candidate", 0)], []) == (driven.blocks, driven.lost, server.received)


def test_a_lane_that_hangs_is_given_up_after_three_blocks() -> None:
    """A server that never answers costs three timeouts, not one for each block."""

    async def hang(_: Received, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    with LocalServer(hang) as server:
        driven = drive_all([lane(server.url, timeout=0.05, block=0.005)])
    assert [("d@candidate", 2)] == driven.lost
    assert ["timeout"] * 15 == [sample.error for sample in driven.samples()]


def test_usage_is_taken_around_each_turn() -> None:
    """CPU is the difference over the turn, memory what is held after it."""
    points = iter([point(1.0, 10), point(1.5, 20), point(2.0, 30), point(2.25, 40)])
    with LocalServer() as server:
        driven = drive_all([lane(server.url, count=10, usage=lambda: next(points))])
    assert [(0.5, 20), (0.25, 40)] == [(block.cpu_seconds, block.memory) for block in driven.blocks]


def test_unknown_usage_is_none() -> None:
    """A cell whose usage is unknown is driven all the same."""
    with LocalServer() as server:
        driven = drive_all([lane(server.url, count=5)])
    assert [(None, None)] == [(block.cpu_seconds, block.memory) for block in driven.blocks]


def test_an_interruption_keeps_the_finished_blocks() -> None:
    """What `on_block` got stays; the exception comes through, and every connection is closed."""
    driven = Driven()

    def interrupt(block: int) -> bool:
        if block == 1:
            raise KeyboardInterrupt
        return False

    with LocalServer() as server:
        with pytest.raises(KeyboardInterrupt):
            drive_all([lane(server.url, block=0.005)], stop=interrupt, into=driven)
        assert 10 == len(driven.samples())
        wait_until(lambda: server.open_connections == 0)


def test_requests_in_flight_are_bounded() -> None:
    """A server that holds its answers back is never asked more than 512 things at once; the rest follow."""
    most = 0
    waiting = 0
    full = asyncio.Event()

    async def hold(_: Received, writer: asyncio.StreamWriter) -> None:
        nonlocal most, waiting
        waiting += 1
        most = max(most, waiting)
        if waiting == 512:
            asyncio.get_running_loop().call_later(0.2, full.set)
        await full.wait()
        waiting -= 1
        writer.write(http())

    with LocalServer(hold) as server:
        driven = drive_all([lane(server.url, count=600, rate=10_000.0, block=1.0, timeout=20.0)])
    assert 512 == most
    assert [None] * 600 == [sample.error for sample in driven.samples()]


def test_what_could_not_be_sent_in_time_is_a_timeout() -> None:
    """Behind a server that hangs, requests over the cap time out too, counted from their own due time."""

    async def hang(_: Received, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    with LocalServer(hang) as server:
        driven = drive_all([lane(server.url, count=800, rate=10_000.0, block=1.0, timeout=0.3)])
    assert ["timeout"] * 800 == [sample.error for sample in driven.samples()]
    assert all(sample.latency >= 0.3 for sample in driven.samples())


def test_lanes_of_a_deployment_must_agree() -> None:
    """Different rates within a deployment can't be paired: the error names the key and both cells."""
    lanes = [lane("http://127.0.0.1:1", "d@baseline"), lane("http://127.0.0.1:1", "d@candidate", rate=7.0)]
    with pytest.raises(UsageError, match="d@baseline and d@candidate disagree about rate"):
        drive_all(lanes)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:80", "http://", "http://127.0.0.1:port"])
def test_a_malformed_address_is_an_error_that_names_it(url: str) -> None:
    """Nothing is sent."""
    with pytest.raises(UsageError) as raised:
        drive_all([lane(url)])
    assert url in str(raised.value)


def test_a_header_with_a_line_break_is_an_error() -> None:
    """It would smuggle a second header in."""
    with pytest.raises(UsageError, match="line break"):
        drive_all([lane("http://127.0.0.1:1", headers={"X": "a\r\nY: b"})])


def test_deployments_with_fewer_requests_sit_the_last_rounds_out() -> None:
    """Each deployment has its own schedule."""
    with LocalServer() as server:
        driven = drive_all(
            [lane(server.url, "a@x", count=20, block=0.005), lane(server.url, "b@x", count=10, block=0.005)]
        )
    assert ([0, 1, 2, 3], [0, 1]) == tuple(
        [block for block, name in driven.order if name == cell] for cell in ("a@x", "b@x")
    )


def test_more_requests_than_rows_start_again() -> None:
    """The file is repeated; samples name the row."""
    with LocalServer(fixed(http())) as server:
        driven = drive_all([lane(server.url, count=5, requests=requests(2))])
    assert [0, 1, 0, 1, 0] == [sample.request for sample in driven.samples()]
