"""The supervisor makes the world match the wishes and keeps it so; here in a world of fakes."""

from itertools import pairwise
from pathlib import Path

import pytest

from seatrial.deployments.wishes import fingerprint
from seatrial.records import DeployState, PermanentError, Resources, UsageError
from seatrial.testing import Script
from tests.deployments.fakes import UNLIMITED, Stage, wish


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """An empty world."""
    return Stage(tmp_path)


def ready(stage: Stage) -> bool:
    """Whether all is as wanted."""
    return stage.state is DeployState.READY


def test_what_is_wanted_is_started_and_becomes_ready(stage: Stage) -> None:
    """A door, and a replica behind it; people are told once of each state."""
    stage.want(wish())

    stage.until(lambda: ready(stage))

    assert (["wine.door.1"], ["wine.0.1"]) == (stage.doors(), stage.running())
    assert [("wine", DeployState.STARTING), ("wine", DeployState.READY)] == stage.told
    status = stage.status()
    assert ("http://127.0.0.1:20001", "", 1) == (status.url, status.reason, status.generation)
    assert [(0, True, 0)] == [(one.index, one.ready, one.restarts) for one in status.replicas]


def test_nothing_happens_to_what_is_as_wanted(stage: Stage) -> None:
    """An hour later the same instances run, and nothing was prepared again."""
    stage.want(wish(replicas=2))
    stage.until(lambda: ready(stage))

    stage.turn(720, seconds=5.0)

    assert ["wine.0.1", "wine.1.1"] == stage.running()
    assert 1 == len(stage.prepared)


def test_a_killed_replica_is_started_again(stage: Stage) -> None:
    """After a short pause, and the restart is counted."""
    stage.want(wish(replicas=2))
    stage.until(lambda: ready(stage))

    stage.kill("wine.1.1")
    stage.turn()
    degraded = stage.state
    stage.until(lambda: ready(stage), seconds=5)

    assert DeployState.DEGRADED is degraded
    assert ["wine.0.1", "wine.1.2"] == stage.running()
    assert [0, 1] == [one.restarts for one in stage.status().replicas]


def test_why_it_does_not_run_is_shown(stage: Stage) -> None:
    """How it ended, what the runtime says of it, and its own last words."""
    stage.runtime.script = lambda launch: (
        Script(
            dies_after=0.1, exit_status=4, note="out of memory (limit 64 MiB)", log="hello\nerror: no such model\n→ x"
        )
        if ".door." not in launch.cell
        else Script()
    )
    stage.want(wish())

    stage.until(lambda: stage.state is DeployState.FAILED)

    told = "it ended with exit status 4: out of memory (limit 64 MiB): error: no such model"
    assert told == stage.status().reason == stage.status().replicas[0].reason


def test_what_fails_is_tried_with_longer_and_longer_pauses(stage: Stage) -> None:
    """0.5, 1, 2 … at most 300 seconds apart, a little less by chance; it stays FAILED all the while."""
    starts: list[float] = []

    def dying(launch: object) -> Script:
        if ".door." in launch.cell:  # type: ignore[attr-defined]
            return Script()
        starts.append(stage.clock.monotonic())
        return Script(dies_after=0.0, exit_status=1)

    stage.runtime.script = dying
    stage.want(wish())
    stage.turn(12_000, seconds=0.1)

    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert len(pauses) > 10
    for number, seconds in enumerate(pauses):
        whole = min(300.0, 0.5 * 2**number)
        assert 0.75 * whole <= seconds <= whole + 0.4
    assert stage.state is DeployState.FAILED


def test_what_was_ready_for_a_minute_has_recovered(stage: Stage) -> None:
    """The next failure is the first again, so that a crash a day does not add up."""
    stage.want(wish())
    for _ in range(5):
        stage.until(lambda: ready(stage))
        stage.turn(140)
        stage.kill(stage.running()[0])
        stage.turn()

    stage.until(lambda: ready(stage), seconds=3)
    assert 5 == stage.status().replicas[0].restarts


def test_what_is_never_ready_is_stopped_and_tried_again(stage: Stage) -> None:
    """At its deadline, with the last thing that its health path said."""
    stage.loads = 1e9
    stage.want(wish())

    stage.until(lambda: stage.state is DeployState.FAILED)

    assert "not ready within 60 s: /readyz answered 503" == stage.status().reason
    stage.until(lambda: stage.running() == ["wine.0.2"])


def test_what_no_longer_answers_is_started_anew_after_a_while(stage: Stage) -> None:
    """A busy replica is given half a minute."""
    stage.want(wish())
    stage.until(lambda: ready(stage))
    stage.complaints["wine.0.1"] = "did not answer in time"

    stage.turn(50)
    assert ["wine.0.1"] == stage.running()
    assert "/readyz did not answer in time" == stage.status().replicas[0].reason
    stage.turn(20)
    stage.until(lambda: ready(stage))

    assert ["wine.0.2"] == stage.running()


def test_a_short_silence_is_forgiven(stage: Stage) -> None:
    """It is not ready meanwhile, and nothing else."""
    stage.want(wish())
    stage.until(lambda: ready(stage))
    stage.complaints["wine.0.1"] = "did not answer in time"
    stage.turn(20)
    assert not stage.status().replicas[0].ready
    del stage.complaints["wine.0.1"]

    stage.turn(60)

    assert ready(stage)
    assert ["wine.0.1"] == stage.running()


def test_scaling_up_and_down_touches_nobody_else(stage: Stage) -> None:
    """The replicas that stay are the same."""
    stage.want(wish(replicas=2))
    stage.until(lambda: ready(stage))
    stage.want(wish(replicas=4))
    stage.until(lambda: ready(stage) and len(stage.running()) == 4)
    stage.want(wish(replicas=1))
    stage.until(lambda: ready(stage) and len(stage.running()) == 1)

    assert ["wine.0.1"] == stage.running()


def test_a_stopped_deployment_has_no_replicas_and_no_door(stage: Stage) -> None:
    """Its address is free, and it can be started again as it was."""
    stage.want(wish(replicas=2))
    stage.until(lambda: ready(stage))

    stage.want(wish(replicas=2), stopped=True)
    stage.until(lambda: stage.state is DeployState.STOPPED)
    stopped = stage.running() + stage.doors()
    stage.want(wish(replicas=2))
    stage.until(lambda: ready(stage))

    assert [] == stopped
    assert 2 == len(stage.running())


def test_a_removed_deployment_leaves_nothing(stage: Stage) -> None:
    """Neither instances nor lines nor a folder; the name is free."""
    stage.want(wish())
    stage.until(lambda: ready(stage))

    stage.want(wish(), removed=True)
    stage.until(lambda: not stage.book.wishes())

    assert ([], [], None) == (stage.running(), stage.doors(), stage.book.status("wine"))
    assert not (stage.folder / "deployments" / "wine").exists()
    stage.want(wish(number=4))
    stage.until(lambda: ready(stage))


def test_another_version_replaces_the_first_one_by_one(stage: Stage) -> None:
    """A new replica is ready before an old one goes, and only one place is in transition at a time."""
    stage.want(wish(replicas=3))
    stage.until(lambda: ready(stage))
    stage.want(wish(number=4, artifact="sha256:4", replicas=3))
    most = least = 3
    while not (ready(stage) and stage.status().wish.number == 4):
        stage.turn(seconds=0.1)
        most, least = max(most, len(stage.running())), min(least, len(stage.running()))

    assert (4, 3) == (most, least)
    assert ["wine.0.2", "wine.1.2", "wine.2.2"] == sorted(stage.running())
    assert ["wine.door.1"] == stage.doors()


def test_a_version_that_does_not_start_leaves_the_one_before_at_work(stage: Stage) -> None:
    """It is DEGRADED, says why, and the old replicas answer for as long as it takes."""
    stage.want(wish(replicas=2))
    stage.until(lambda: ready(stage))
    stage.runtime.script = lambda _: Script(dies_after=0.0, exit_status=2, log="error: no such file")
    stage.want(wish(number=4, artifact="sha256:4", replicas=2))

    stage.until(lambda: stage.state is DeployState.DEGRADED)
    stage.turn(600)

    assert ["wine.0.1", "wine.1.1"] == stage.running()
    assert "it ended with exit status 2: error: no such file" == stage.status().reason
    stage.runtime.script = lambda _: Script()
    stage.want(wish(number=5, artifact="sha256:5", replicas=2))
    stage.until(lambda: ready(stage), seconds=30)


def test_what_cannot_be_prepared_says_why_and_is_tried_again(stage: Stage) -> None:
    """A stack that has no solution, a registry that is down."""
    stage.refuses[fingerprint(wish())] = UsageError("the stack has no solution", remedy="loosen it")
    stage.want(wish())

    stage.until(lambda: stage.state is DeployState.FAILED)
    assert "the stack has no solution → loosen it" == stage.status().reason
    stage.refuses.clear()
    stage.until(lambda: ready(stage))

    assert "" == stage.status().reason


def test_a_changed_wish_does_not_wait_for_the_pause_of_the_one_before(stage: Stage) -> None:
    """What failed says nothing of what is wanted now."""
    stage.refuses[fingerprint(wish())] = UsageError("no")
    stage.want(wish())
    stage.turn(2000)

    stage.want(wish(number=4, artifact="sha256:4"))

    stage.until(lambda: ready(stage), seconds=10)


def test_what_cannot_be_started_at_all_is_a_failure_like_any(stage: Stage) -> None:
    """No such program: the reason is shown, and nothing stays in the book."""
    stage.want(wish())
    stage.runtime.script = lambda launch: (
        Script(start_error=PermanentError("no-such-program can't be started", remedy="check it"))
        if ".door." not in launch.cell
        else Script()
    )

    stage.until(lambda: stage.state is DeployState.FAILED)

    assert "no-such-program can't be started → check it" == stage.status().reason
    assert ["wine.door.1"] == [one.cell for one in stage.book.instances("wine")]


def test_a_port_that_is_taken_is_said_and_waited_for(stage: Stage) -> None:
    """No replica is started before the address can be had."""
    taken = Script(dies_after=0.0, exit_status=2, log="cannot listen at 127.0.0.1:20001: Address already in use")
    stage.runtime.script = lambda _: taken
    stage.want(wish())

    stage.until(lambda: stage.state is DeployState.FAILED)
    assert (
        "it ended with exit status 2: cannot listen at 127.0.0.1:20001: Address already in use" == stage.status().reason
    )
    assert {"door"} == {one.launch.cell.split(".")[1] for one in stage.runtime.instances}
    stage.runtime.script = lambda _: Script()

    stage.until(lambda: ready(stage))


def test_a_killed_door_is_replaced_and_the_replicas_stay(stage: Stage) -> None:
    """The supervisor has the socket too, and hands it to the next door."""
    stage.want(wish(replicas=2))
    stage.until(lambda: ready(stage))

    stage.kill("wine.door.1")
    stage.until(lambda: stage.doors() == ["wine.door.2"])
    stage.turn(20)

    assert ["wine.0.1", "wine.1.1"] == stage.running()
    assert "take" in stage.instance("wine.door.2").launch.command
    assert {"wine.door.2"} == stage.keys.given


def test_if_door_and_supervisor_are_killed_the_replicas_start_anew(stage: Stage) -> None:
    """Nobody else can hand on the socket, so that a replica that starts later could not share it."""
    stage.want(wish(replicas=2))
    stage.until(lambda: ready(stage))

    stage.kill("wine.door.1")
    stage.crash()
    stage.until(lambda: ready(stage) and stage.doors())

    assert ["wine.0.2", "wine.1.2"] == stage.running()
    assert "bind" in stage.instance("wine.door.2").launch.command


def test_a_door_that_was_never_given_its_socket_is_replaced(stage: Stage) -> None:
    """The supervisor was killed between starting it and handing over; replicas start anew behind another."""
    stage.want(wish())
    stage.until(lambda: ready(stage))
    stage.kill("wine.door.1")
    stage.until(lambda: stage.doors() == ["wine.door.2"])
    stage.keys.given.clear()

    stage.crash()
    stage.want(wish(replicas=2))
    stage.until(lambda: stage.doors() == ["wine.door.3"], seconds=60)
    stage.until(lambda: ready(stage))

    assert "bind" in stage.instance("wine.door.3").launch.command
    assert 2 == len(stage.running())


def test_what_failed_before_it_was_ready_is_prepared_anew(stage: Stage) -> None:
    """Perhaps a file was removed; what ran and died is started from what is there."""
    stage.want(wish())
    stage.until(lambda: ready(stage))
    stage.kill("wine.0.1")
    stage.until(lambda: stage.running() == ["wine.0.2"])
    assert 1 == len(stage.prepared)

    stage.kill("wine.0.2")
    stage.until(lambda: stage.running() == ["wine.0.3"])

    assert 2 == len(stage.prepared)


def test_a_supervisor_that_was_killed_is_replaced_without_a_restart(stage: Stage) -> None:
    """Its successor takes over every instance, and nothing is prepared for that."""
    stage.want(wish(replicas=3))
    stage.until(lambda: ready(stage))
    before = stage.running() + stage.doors()

    stage.crash()
    stage.turn(20)

    assert before == stage.running() + stage.doors()
    assert (DeployState.READY, 1) == (stage.state, len(stage.prepared))
    assert [("wine", DeployState.STARTING), ("wine", DeployState.READY)] == stage.told[:2]


def test_restarts_and_pauses_survive_the_supervisor(stage: Stage) -> None:
    """A successor does not begin from the first pause again."""
    stage.runtime.script = lambda launch: Script(dies_after=0.0) if ".door." not in launch.cell else Script()
    stage.want(wish())
    stage.turn(200)
    started, restarts = len(stage.runtime.instances), stage.status().replicas[0].restarts
    place = stage.book.places("wine")[0]

    stage.crash()
    stage.turn()

    assert restarts >= 6
    assert (started, restarts) == (len(stage.runtime.instances), stage.status().replicas[0].restarts)
    assert place == stage.book.places("wine")[0]


def test_a_replica_that_died_with_nobody_watching_is_started_again(stage: Stage) -> None:
    """After a reboot nothing runs; everything is started as it was."""
    stage.want(wish(replicas=2))
    stage.until(lambda: ready(stage))
    for cell in [*stage.running(), *stage.doors()]:
        stage.kill(cell)

    stage.crash()
    stage.turn()
    stage.until(lambda: ready(stage), seconds=10)

    assert (["wine.0.2", "wine.1.2"], ["wine.door.2"]) == (stage.running(), stage.doors())
    assert [0, 0] == [one.restarts for one in stage.status().replicas]


def test_a_server_of_the_projects_own_has_the_address_itself(stage: Stage) -> None:
    """Without a door there is one replica, which is stopped before another version has its port."""
    stage.shared = False
    stage.want(wish())
    stage.until(lambda: ready(stage))
    stage.want(wish(number=4, artifact="sha256:4"))
    most = 1
    while not (ready(stage) and stage.status().wish.number == 4):
        stage.turn(seconds=0.1)
        most = max(most, len(stage.running()))

    assert (1, []) == (most, stage.doors())
    assert 20_001 == stage.instance("wine.0.2").launch.port


def test_what_has_the_address_itself_has_one_replica_whatever_is_wanted(stage: Stage) -> None:
    """Two would fight for the port; it says so."""
    stage.shared = False
    stage.want(wish(replicas=2))

    stage.until(lambda: stage.state is DeployState.DEGRADED)
    stage.turn(50)

    assert ["wine.0.1"] == stage.running()
    assert "only servers of `serve:` can share an address" in stage.status().reason


def test_limits_that_are_not_enforced_are_said(stage: Stage) -> None:
    """Each replica tells what holds it, or why nothing does."""
    stage.runtime.script = lambda _: Script(limits=UNLIMITED)
    stage.want(wish(resources=Resources(memory=64 << 20)))

    stage.until(lambda: ready(stage))

    assert "memory limit of 64 MiB not enforced: no control groups" == stage.status().replicas[0].enforced


def test_usage_is_shown_with_its_rate(stage: Stage) -> None:
    """CPU seconds so far, cores lately, bytes now."""
    stage.runtime.script = lambda _: Script(cores=0.25, memory=100 << 20)
    stage.want(wish())
    stage.until(lambda: ready(stage))

    stage.turn(20)

    (replica,) = stage.status().replicas
    assert 100 << 20 == replica.memory
    assert 0.25 == pytest.approx(replica.cores)
    assert replica.cpu_seconds is not None
    assert replica.cpu_seconds > 0


def test_values_of_variables_are_shown_to_nobody(stage: Stage) -> None:
    """They may be secrets; the names are shown."""
    stage.want(wish(env={"TOKEN": "very-secret"}))

    stage.until(lambda: ready(stage))

    assert {"TOKEN": "****"} == stage.status().wish.env


def test_trouble_with_one_deployment_is_none_for_the_others(stage: Stage) -> None:
    """An unknown runtime, say: the neighbour becomes ready."""
    stage.want(wish(runtime="cloud"))
    stage.want(wish(name="beer", model="beer", port=20_002))

    stage.until(lambda: stage.book.status("beer") is not None and stage.status("beer").state is DeployState.READY)

    assert not stage.running()


def test_all_can_be_stopped_without_changing_what_is_wanted(stage: Stage) -> None:
    """A server that ends with its models starts them again the next time."""
    stage.want(wish(replicas=2))
    stage.until(lambda: ready(stage))

    while not stage.supervisor.empty:
        stage.supervisor.turn(stop_all=True)
    assert [] == stage.running() + stage.doors()

    stage.crash()
    stage.until(lambda: ready(stage))
    assert 2 == len(stage.running())
