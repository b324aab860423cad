"""The contract of the Traffic port, on the shipped fake, and on Envoy, nginx and HAProxy with replicas behind them."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from seatrial.records import AccessLine, Arm, InForce, Routing, Sticky, TemporaryError, UsageError
from seatrial.testing import Asked
from tests.adapters.traffic.gates import Gate, Load, MemoryGate, lines, loaded, proxy_gate, routing, service
from tests.waiting import wait_until

BY_HEADER = Sticky(kind="header", name="x-user")
BY_COOKIE = Sticky(kind="cookie", name="visitor")
ARM, VERSION, REQUEST_ID = "x-seatrial-arm", "x-seatrial-version", "x-request-id"


@pytest.fixture(
    scope="module",
    params=["memory", "envoy", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("nginx", "haproxy"))],
)
def gate(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Each gateway in turn, running; tests share it, with services of their own."""
    folder = tmp_path_factory.mktemp("gateway")
    with ExitStack() as stack:
        kind = request.param
        made: Gate = MemoryGate(folder) if kind == "memory" else stack.enter_context(proxy_gate(kind, folder))
        made.traffic.keep()
        yield made


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A service of the test's own."""
    return str(request.node.originalname).removeprefix("test_").replace("_", "-")[:60]


def arms(gate: Gate, name: str, users: int) -> dict[str, str]:
    """Which side each user is on."""
    asked = {f"user-{number}": Asked(path=f"/{name}", headers={"x-user": f"user-{number}"}) for number in range(users)}
    return {user: gate.ask(one).headers[ARM] for user, one in asked.items()}


def within(count: int, share: float, of: int) -> bool:
    """Whether a binomial count is as far from its mean as one in some hundred thousand is at most."""
    return abs(count - share * of) <= 4.5 * math.sqrt(share * (1 - share) * of)


def refuses(gate: Gate, wanted: Routing) -> None:
    """A proxy that can't do what is asked for says so, and nothing of it is kept."""
    with pytest.raises(UsageError):
        gate.traffic.apply(wanted)
    assert wanted not in gate.traffic.wanted()


def end_when_idle(gate: Gate, name: str, endpoints: list[str]) -> None:
    """End replicas of a service that have nothing to answer any more."""
    wait_until(lambda: 0 == gate.traffic.pending(name, endpoints))
    for one in endpoints:
        gate.down(one)


def more(load: Load, count: int) -> None:
    """Wait for so many more answers."""
    begun = len(load.answers)
    wait_until(lambda: len(load.answers) > begun + count)


def test_requests_are_dealt_by_weight(gate: Gate, name: str) -> None:
    """Of many requests the canary gets its share, within what chance allows."""
    gate.traffic.apply(routing(gate, service(name), weight=200))

    dealt = Counter(gate.ask(Asked(path=f"/{name}/predict")).headers[ARM] for _ in range(400))

    assert {"stable", "canary"} == set(dealt)
    assert within(dealt["canary"], 0.2, 400)


def test_all_replicas_of_a_side_take_part(gate: Gate, name: str) -> None:
    """No replica is left without requests."""
    gate.traffic.apply(routing(gate, service(name), canary=None))

    asked = {gate.ask(Asked(path=f"/{name}")).endpoint for _ in range(60)}

    assert {f"{name}.s0", f"{name}.s1"} == asked


def test_the_smallest_step_is_a_thousandth(gate: Gate, name: str) -> None:
    """0.1 % is taken as it is."""
    gate.traffic.apply(routing(gate, service(name), weight=1))

    assert InForce(
        service=name,
        weight=1,
        mirror=0,
        stable_version="1",
        canary_version="2",
        stable=(f"{name}.s0", f"{name}.s1"),
        canary=(f"{name}.c0",),
    ) == gate.traffic.read(name)


def test_without_a_canary_stable_gets_everything(gate: Gate, name: str) -> None:
    """Once the canary is gone nothing reaches it, and nothing is said of it."""
    gate.traffic.apply(routing(gate, service(name), weight=1000))
    assert {"canary"} == {gate.ask(Asked(path=f"/{name}")).headers[ARM] for _ in range(20)}

    gate.traffic.apply(routing(gate, service(name), canary=None))

    assert {"stable"} == {gate.ask(Asked(path=f"/{name}")).headers[ARM] for _ in range(20)}
    assert InForce(
        service=name, weight=0, mirror=0, stable_version="1", stable=(f"{name}.s0", f"{name}.s1")
    ) == gate.traffic.read(name)


def test_users_stay_and_ramps_are_monotone(gate: Gate, name: str) -> None:
    """Whoever was moved stays moved while the share grows, and the same share means the same users."""
    sides = []
    for weight in (50, 50, 200, 500, 1000):
        gate.traffic.apply(routing(gate, service(name, BY_HEADER), weight=weight))
        sides.append({user for user, arm in arms(gate, name, 200).items() if arm == "canary"})

    assert sides[0] == sides[1]
    assert sides[1] <= sides[2] <= sides[3] <= sides[4]
    assert within(len(sides[2]), 0.2, 200)
    assert 200 == len(sides[4])


def test_without_the_header_each_request_is_dealt_on_its_own(gate: Gate, name: str) -> None:
    """Requests of nobody are not all put on one side."""
    gate.traffic.apply(routing(gate, service(name, BY_HEADER), weight=500))

    assert {"stable", "canary"} == {gate.ask(Asked(path=f"/{name}")).headers[ARM] for _ in range(60)}


def test_a_new_user_gets_a_cookie_and_the_first_answer_counts(gate: Gate, name: str) -> None:
    """The side of the first answer is the side of all later ones; the cookie is given once."""
    gate.traffic.apply(routing(gate, service(name, BY_COOKIE), weight=500))

    seen: set[tuple[str, ...]] = set()
    for _ in range(40):
        first = gate.ask(Asked(path=f"/{name}"))
        cookies = {"other": "value", **first.cookies}
        later = [gate.ask(Asked(path=f"/{name}", cookies=cookies)) for _ in range(2)]
        assert first.cookies["visitor"]
        assert [{}, {}] == [dict(one.cookies) for one in later]
        seen.add((first.headers[ARM], *(one.headers[ARM] for one in later)))

    assert {("stable",) * 3, ("canary",) * 3} == seen


def test_a_tester_chooses_the_side(gate: Gate, name: str) -> None:
    """By header, whatever the share; the log says so, and a side that isn't there is not chosen."""
    gate.traffic.apply(routing(gate, service(name), weight=0))
    answers = [gate.ask(Asked(path=f"/{name}", headers={ARM: arm})) for arm in ("canary", "stable", "other")]

    assert ["canary", "stable", "stable"] == [one.headers[ARM] for one in answers]
    assert [(Arm.CANARY, True), (Arm.STABLE, True), (Arm.STABLE, False)] == [
        (line.assigned, line.forced) for line in lines(gate, name, 3)
    ]


def test_answers_name_version_arm_and_request(gate: Gate, name: str) -> None:
    """What the replica says of these is overruled; a request's own id is kept, and one without gets one."""
    gate.traffic.apply(routing(gate, service(name), weight=1000))

    given = gate.ask(Asked(path=f"/{name}", headers={REQUEST_ID: "my-own.id:7"}))
    made = [gate.ask(Asked(path=f"/{name}")).headers[REQUEST_ID] for _ in range(2)]

    assert ("2", "canary", "my-own.id:7") == (
        given.headers[VERSION],
        given.headers[ARM],
        given.headers[REQUEST_ID],
    )
    assert 2 == len(set(made))
    assert all(made)


def test_a_replica_of_another_version_names_its_own(gate: Gate, name: str) -> None:
    """While a side is being replaced, answers and lines say which version it really was."""
    wanted = routing(gate, service(name), stable=("s0",), canary=None)
    newer = replace(wanted.stable.endpoints[0], version="3")
    gate.traffic.apply(replace(wanted, stable=replace(wanted.stable, endpoints=(newer,))))

    assert "3" == gate.ask(Asked(path=f"/{name}")).headers[VERSION]
    assert ["3"] == [line.version for line in lines(gate, name, 1)]


def test_only_safe_requests_are_copied(gate: Gate, name: str) -> None:
    """Copies go to the canary alone; what could change something is never copied, and nobody sees a copy's answer."""
    spec = service(name, safe_paths=(f"/{name}/predict",))
    if not gate.mirrors:
        refuses(gate, routing(gate, spec, mirror=1000))
        return
    gate.traffic.apply(routing(gate, spec, mirror=1000))

    def got(method: str, path: str) -> int:
        before = gate.copies(f"{name}.c0")
        answers = [gate.ask(Asked(path=f"/{name}{path}", method=method)) for _ in range(5)]
        assert {(200, "stable")} == {(one.status, one.headers[ARM]) for one in answers}
        if (method, path) in {("GET", ""), ("POST", "/predict")}:
            wait_until(lambda: gate.copies(f"{name}.c0") >= before + 5)
        return gate.copies(f"{name}.c0") - before

    assert [0, 0, 0] == [got("POST", ""), got("DELETE", "/predictions"), got("POST", "/predict/../train")]
    assert [5, 5] == [got("GET", ""), got("POST", "/predict")]
    assert 10 == gate.copies(f"{name}.c0")
    assert 0 == gate.copies(f"{name}.s0") + gate.copies(f"{name}.s1")
    in_force = gate.traffic.read(name)
    assert in_force is not None
    assert (0, 1000) == (in_force.weight, in_force.mirror)


def test_copies_are_no_requests_in_the_log(gate: Gate, name: str) -> None:
    """A request that was copied is one request."""
    if not gate.mirrors:
        refuses(gate, routing(gate, service(name), mirror=1000))
        return
    gate.traffic.apply(routing(gate, service(name), mirror=1000))

    gate.ask(Asked(path=f"/{name}"))
    wait_until(lambda: 1 == gate.copies(f"{name}.c0"))

    assert 1 == len([line for line in lines(gate, name, 1) if not line.mirrored])


@pytest.mark.parametrize(
    ("gone", "left", "weight"), [(("c0",), "stable", 1000), (("s0", "s1"), "canary", 0)], ids=["canary", "stable"]
)
def test_when_one_side_is_gone_the_other_takes_its_requests(
    gate: Gate, name: str, gone: tuple[str, ...], left: str, weight: int
) -> None:
    """No request is lost by it, and the log tells who was meant to answer and who did."""
    name = f"{name[:40]}-{weight}"
    gate.traffic.apply(routing(gate, service(name), weight=weight))
    meant = "canary" if left == "stable" else "stable"
    assert {meant} == {gate.ask(Asked(path=f"/{name}")).headers[ARM] for _ in range(4)}

    for endpoint in gone:
        gate.down(f"{name}.{endpoint}")
    answers = [gate.ask(Asked(path=f"/{name}")) for _ in range(20)]

    assert {(200, left)} == {(one.status, one.headers[ARM]) for one in answers}
    moved = [line for line in lines(gate, name, 24) if line.assigned != line.served]
    assert {(Arm(meant), Arm(left), 200)} == {(line.assigned, line.served, line.status) for line in moved}
    assert 20 == len(moved)
    for endpoint in gone:
        gate.up(f"{name}.{endpoint}")
    wait_until(lambda: meant == gate.ask(Asked(path=f"/{name}")).headers[ARM])


def test_when_nobody_lives_the_answer_says_so(gate: Gate, name: str) -> None:
    """503, on the account of the side that it was dealt to."""
    gate.traffic.apply(routing(gate, service(name), stable=("s0",), weight=1000))
    for endpoint in ("s0", "c0"):
        gate.down(f"{name}.{endpoint}")

    assert 503 == gate.ask(Asked(path=f"/{name}")).status
    (line,) = lines(gate, name, 1)
    assert (Arm.CANARY, None, 503) == (line.assigned, line.served, line.status)
    assert line.flags


def test_an_unknown_service_is_not_found(gate: Gate) -> None:
    """404, and no line of any service."""
    assert 404 == gate.ask(Asked(path="/nobody/here")).status


def test_the_longest_prefix_wins_whole_segments_only(gate: Gate, name: str) -> None:
    """`/a/b` is not for `/a` if there is a service for it, and `/ab` never is."""
    gate.traffic.apply(routing(gate, service(name), canary=None))
    gate.traffic.apply(routing(gate, service(f"{name}-in", prefix=f"/{name}/inner"), canary=None))

    def asked(path: str) -> tuple[int, str]:
        answered = gate.ask(Asked(path=path))
        return answered.status, answered.endpoint.rpartition(".")[0]

    assert (200, name) == asked(f"/{name}/innermost?x=/{name}/inner")
    assert (200, f"{name}-in") == asked(f"/{name}/inner/predict")
    assert (404, "") == asked(f"/{name}ing")


def test_services_are_told_apart_by_host(gate: Gate, name: str) -> None:
    """A host's own service comes before those for all hosts, a port in the name doesn't matter."""
    gate.traffic.apply(routing(gate, service(name), canary=None))
    own = service(f"{name}-own", prefix="/", hosts=(f"{name}.example",))
    gate.traffic.apply(routing(gate, own, canary=None))

    def asked(host: str) -> str:
        return gate.ask(Asked(path=f"/{name}", host=host)).endpoint.rpartition(".")[0]

    assert f"{name}-own" == asked(f"{name}.example")
    assert f"{name}-own" == asked(f"{name}.EXAMPLE:8080")
    assert name == asked("localhost")


def test_a_removed_service_is_gone(gate: Gate, name: str) -> None:
    """Nothing is known of it; removing it again is no error."""
    gate.traffic.apply(routing(gate, service(name)))
    gate.traffic.remove(name)
    gate.traffic.remove(name)

    assert 404 == gate.ask(Asked(path=f"/{name}")).status
    assert gate.traffic.read(name) is None
    assert name not in {one.service.name for one in gate.traffic.wanted()}


def test_weights_change_under_load_without_a_failed_request(gate: Gate, name: str) -> None:
    """Each is in force when it returns; nginx needs a fifth of a second and more for one."""
    gate.traffic.apply(routing(gate, service(name)))
    changes = 8 if gate.traffic.status().kind == "nginx" else 30

    with loaded(gate, Asked(path=f"/{name}")) as load:
        for step in range(changes):
            gate.traffic.apply(routing(gate, service(name), weight=(step * 37) % 1001))
            in_force = gate.traffic.read(name)
            assert in_force is not None
            assert (step * 37) % 1001 == in_force.weight

    assert [] == load.failed


def test_replicas_are_replaced_under_load_without_a_failed_request(gate: Gate, name: str) -> None:
    """Old replicas get nothing new once the change has returned, so that they can be ended as soon as nothing is pending."""
    gate.traffic.apply(routing(gate, service(name), stable=("s0", "s1"), canary=None))

    with loaded(gate, Asked(path=f"/{name}")) as load:
        for step in range(1, 4):
            before = tuple(f"s{number}" for number in (2 * step - 2, 2 * step - 1))
            after = tuple(f"s{number}" for number in (2 * step, 2 * step + 1))
            gate.traffic.apply(routing(gate, service(name), stable=after, canary=None))
            end_when_idle(gate, name, [f"{name}.{one}" for one in before])

    assert [] == load.failed
    assert {f"{name}.s6", f"{name}.s7"} == {gate.ask(Asked(path=f"/{name}")).endpoint for _ in range(40)}


def test_a_request_that_a_dropped_replica_still_has_is_pending(gate: Gate, name: str) -> None:
    """It is counted until it is answered, and it is answered well."""
    gate.traffic.apply(routing(gate, service(name), stable=("s0",), canary=None))
    finish = gate.begin(f"{name}.s0", Asked(path=f"/{name}/slow"))

    gate.traffic.apply(routing(gate, service(name), stable=("s1",), canary=None))

    assert 1 == gate.traffic.pending(name, [f"{name}.s0"])
    assert 0 == gate.traffic.pending(name, [f"{name}.s1"])
    assert 200 == finish().status
    wait_until(lambda: 0 == gate.traffic.pending(name, [f"{name}.s0"]))


def test_each_request_is_one_line_whatever_the_files(gate: Gate, name: str) -> None:
    """No line is lost or doubled while new files are begun under load, and a file that was completed stays as it is."""
    gate.traffic.apply(routing(gate, service(name)))
    asked = []

    with loaded(gate, Asked(path=f"/{name}")) as load:
        for _ in range(3):
            more(load, 50)
            final = gate.traffic.rotate_log()
            assert final is not None
            asked.append((final, final.stat().st_size))

    assert [] == load.failed
    assert sorted(one.headers[REQUEST_ID] for one in load.answers) == sorted(
        line.request_id for line in lines(gate, name, len(load.answers))
    )
    assert asked == [(final, final.stat().st_size) for final, _ in asked]
    assert [final for final, _ in asked] == [path for path in gate.traffic.log_files() if path in dict(asked)]


def test_an_empty_log_is_not_turned_over(gate: Gate, name: str) -> None:
    """There is nothing to complete."""
    gate.traffic.apply(routing(gate, service(name)))
    gate.ask(Asked(path=f"/{name}"))
    lines(gate, name, 1)
    gate.traffic.rotate_log()

    assert gate.traffic.rotate_log() is None


def test_a_line_says_what_happened(gate: Gate, name: str) -> None:
    """Who asked for what, who answered and how long it took; the user's key is hashed, the query is left out."""
    gate.traffic.apply(routing(gate, service(name, BY_HEADER), weight=1000))
    headers = {"x-user": "anna", REQUEST_ID: "one"}
    gate.ask(Asked(path=f"/{name}/predict?secret=1", method="POST", headers=headers))
    gate.ask(Asked(path=f"/{name}/predict", headers={**headers, REQUEST_ID: "two"}))

    first, second = sorted(lines(gate, name, 2), key=lambda line: line.request_id)

    assert (
        AccessLine(
            time=first.time,
            service=name,
            request_id="one",
            method="POST",
            path=f"/{name}/predict",
            status=200,
            seconds=first.seconds,
            assigned=Arm.CANARY,
            served=Arm.CANARY,
            version="2",
            endpoint=f"{name}.c0",
            unit=first.unit,
            bytes_sent=first.bytes_sent,
            upstream_seconds=first.upstream_seconds,
        )
        == first
    )
    assert 0 < first.seconds < 5
    assert first.unit == second.unit
    assert first.unit not in {"", "anna"}


def test_what_is_no_line_is_left_out(gate: Gate) -> None:
    """Neither garbage nor half a line is an error."""
    assert [None, None, None] == [gate.traffic.read_line(line) for line in (b"", b'{"half', b"\xff[]\n")]


def test_the_next_seatrial_goes_on_with_it(gate: Gate, name: str) -> None:
    """The proxy runs on, with everything in force, and is steered by the next one."""
    wanted = routing(gate, service(name, BY_HEADER), weight=300)
    gate.traffic.apply(wanted)
    sides, pid = arms(gate, name, 40), gate.traffic.status().pid

    with loaded(gate, Asked(path=f"/{name}")) as load:
        gate.anew()

    assert [] == load.failed
    assert pid == gate.traffic.status().pid
    assert wanted in gate.traffic.wanted()
    assert sides == arms(gate, name, 40)
    gate.traffic.apply(routing(gate, service(name, BY_HEADER), weight=1000))
    assert {"canary"} == set(arms(gate, name, 10).values())


def test_a_killed_proxy_comes_back_as_it_was(gate: Gate, name: str) -> None:
    """At the same address, with the same shares and the same users on each side; what is asked meanwhile is kept."""
    gate.traffic.apply(routing(gate, service(name, BY_HEADER), weight=300))
    sides, before = arms(gate, name, 40), gate.traffic.status()

    gate.kill()
    with pytest.raises(TemporaryError):
        gate.traffic.read(name)
    with pytest.raises(TemporaryError):
        gate.traffic.apply(routing(gate, service(f"{name}-2"), weight=1000))
    after = gate.traffic.keep()

    assert (True, before.address, before.restarts + 1) == (after.running, after.address, after.restarts)
    assert sides == arms(gate, name, 40)
    assert "canary" == gate.ask(Asked(path=f"/{name}-2")).headers[ARM]


def test_it_is_kept_by_asking_again_and_again(gate: Gate) -> None:
    """A proxy that runs is left alone."""
    first, second = gate.traffic.keep(), gate.traffic.keep()

    assert first.running
    assert first == second


def test_it_ends_and_begins_again(gate: Gate, name: str) -> None:
    """A request that it holds is answered first; what it was asked for is in force again when it is kept."""
    gate.traffic.apply(routing(gate, service(name), stable=("s0",), canary=None))
    finish = gate.begin(f"{name}.s0", Asked(path=f"/{name}/slow"))
    if gate.traffic.status().kind == "memory":
        assert 200 == finish().status

    gate.traffic.stop()

    if gate.traffic.status().kind != "memory":
        assert 200 == finish().status
    assert not gate.traffic.status().running
    assert 0 == gate.traffic.pending(name, [f"{name}.s0"])
    status = gate.traffic.keep()
    assert (True, 0) == (status.running, status.restarts)
    assert 200 == gate.ask(Asked(path=f"/{name}")).status
