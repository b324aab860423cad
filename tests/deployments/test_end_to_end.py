"""Real models, real processes, real signals: what `seatrial deploy` promises, as callers and operators see it."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator

import httpx
import psutil
import pytest

from tests.adapters.launching import writable_cgroups
from tests.deployments.projects import COMMAND, Deployed, deployed, kill_tree, model
from tests.serve.server.load import calling
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """A folder without `seatrial.yaml`, with three versions of wine in its registry; the third can't be opened."""
    with deployed(tmp_path_factory.mktemp("cellar")) as made:
        made.ok("models", "register", str(model(made.folder / "one.joblib", 1.0)), "--name", "wine")
        made.ok("models", "register", str(model(made.folder / "two.joblib", 2.0)), "--name", "wine")
        (made.folder / "broken.joblib").write_bytes(b"no model at all")
        made.ok("models", "register", str(made.folder / "broken.joblib"), "--name", "wine", "--no-open")
        yield made


@pytest.fixture
def name(project: Deployed, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name for the test's deployment, which is removed afterwards."""
    made = request.node.name.split("[")[0].removeprefix("test_").replace("_", "-")[:60]
    yield made
    if any(wanted.wish.name == made for wanted in project.book.wishes()):
        project.ok("deployments", "remove", made)


def deploy(project: Deployed, version: str, name: str, *options: str) -> str:
    """Deploy; the URL."""
    done = project.ok("deploy", version, "--name", name, "--format", "json", *options)
    url: str = done.document["deployment"]["url"]
    return url


def tags(project: Deployed, version: str) -> dict[str, str]:
    """The tags of a version."""
    found: dict[str, str] = project.ok("models", "show", version, "--format", "json").document["tags"]
    return found


def accepts(url: str) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


def test_two_versions_run_side_by_side_and_each_says_how_to_ask_it(project: Deployed) -> None:
    """Each has an address, a tag with its scoring URI, and a curl that works as it is printed."""
    first, second = project.ok("deploy", "wine@1"), project.ok("deploy", "wine@2")

    answers = [
        subprocess.run(done.curl, shell=True, capture_output=True, text=True, check=True).stdout
        for done in (first, second)
    ]

    assert ['{"prediction":2.0', '{"prediction":4.0'] == [answer.partition(",")[0][:17] for answer in answers]
    listed = project.ok("deployments", "list", "--format", "json").document["deployments"]
    assert {"wine-v1": "ready", "wine-v2": "ready"} == {one["wish"]["name"]: one["state"] for one in listed}
    for number, one in enumerate(listed, start=1):
        assert f"{one['url']}/predict" == tags(project, f"wine@{number}")["scoring_uri"]
    for each in ("wine-v1", "wine-v2"):
        project.ok("deployments", "remove", each)


def test_deploying_the_same_again_changes_nothing(project: Deployed, name: str) -> None:
    """The same processes run at the same address."""
    url = deploy(project, "wine@1", name)
    before = project.pids(name)

    again = deploy(project, "wine@1", name)

    assert (url, before) == (again, project.pids(name))


def test_scaling_under_load_fails_no_request(project: Deployed, name: str) -> None:
    """Up to three and down to one while eight callers ask; those that stay are the same processes."""
    url = deploy(project, "wine@1", name)
    (first,) = project.replicas(name).values()

    with calling(int(url.rpartition(":")[2]), lambda number: {"x0": number, "x1": 1}, pause=0.02) as calls:
        project.ok("deployments", "scale", name, "3")
        assert 3 == len(project.replicas(name))
        project.ok("deployments", "scale", name, "1")
        wait_until(lambda: len(project.replicas(name)) == 1, 60, poll=0.1)
        asked = len(calls.answers)
        wait_until(lambda: len(calls.answers) > asked + 50)

    assert ([], {200}) == (calls.failures, calls.statuses)
    assert [first] == list(project.replicas(name).values())


def test_another_version_replaces_the_first_without_a_failed_request(project: Deployed, name: str) -> None:
    """Callers get the first's answers, then the second's; the tag moves with the address."""
    url = deploy(project, "wine@1", name, "--replicas", "2")

    with calling(int(url.rpartition(":")[2]), lambda _: {"x0": 1, "x1": 1}, pause=0.02) as calls:
        assert url == deploy(project, "wine@2", name)
        wait_until(lambda: calls.answers[-1].document["prediction"] > 3.9, 30)

    assert ([], {200}) == (calls.failures, calls.statuses)
    assert {2, 4} == {round(answer.document["prediction"]) for answer in calls.answers}
    assert (None, f"{url}/predict") == (
        tags(project, "wine@1").get("scoring_uri"),
        tags(project, "wine@2")["scoring_uri"],
    )
    assert 2 == len(project.replicas(name))


def test_a_killed_replica_is_started_again_and_costs_its_callers_one_request_at_most(
    project: Deployed, name: str
) -> None:
    """All its processes are killed at once: eight callers fail once at most, and within seconds there are two again."""
    url = deploy(project, "wine@1", name, "--replicas", "2")
    victim, pid = next(iter(project.replicas(name).items()))

    with calling(int(url.rpartition(":")[2]), lambda number: {"x0": number, "x1": 1}, pause=0.02) as calls:
        kill_tree(pid)
        wait_until(lambda: len(project.replicas(name)) == 2 and victim not in project.replicas(name), 30, poll=0.1)
        wait_until(lambda: project.state(name) == "ready", 60)

    assert len(calls.failures) <= 8
    assert {200} == calls.statuses
    status = project.ok("deployments", "usage", name, "--format", "json").document
    assert 1 == sum(replica["restarts"] for replica in status["replicas"])


def test_callers_wait_while_the_only_replica_is_started_again(project: Deployed, name: str) -> None:
    """Whoever connects meanwhile is not refused: the door keeps the queue, and the next replica answers it."""
    url = deploy(project, "wine@1", name)
    (pid,) = project.replicas(name).values()
    kill_tree(pid)

    answer = project.ask(url)

    assert 200 == answer.status_code
    assert pytest.approx(2.0) == answer.json()["prediction"]


def test_a_killed_server_is_replaced_and_nothing_is_restarted(project: Deployed, name: str) -> None:
    """What it started answers meanwhile; the next server takes it over, and what it adds shares the address."""
    url = deploy(project, "wine@1", name, "--replicas", "2")
    before = project.pids(name)

    with calling(int(url.rpartition(":")[2]), lambda number: {"x0": number, "x1": 1}, pause=0.02) as calls:
        project.kill_server()
        assert project.ask(url).status_code == 200
        told = project.ok("deployments", "list").out
        project.ok("deployments", "scale", name, "3")

    assert "no server runs" in told
    assert ([], {200}) == (calls.failures, calls.statuses)
    after = project.pids(name)
    assert before.items() <= after.items()
    assert 4 == len(after)


def test_a_replica_that_dies_without_a_server_is_started_by_the_next(project: Deployed, name: str) -> None:
    """The next server sees that it is gone; the other is left alone."""
    deploy(project, "wine@1", name, "--replicas", "2")
    (victim, pid), (other, spared) = sorted(project.replicas(name).items())
    project.kill_server()
    kill_tree(pid)

    project.ok("deployments", "scale", name, "2")

    after = project.replicas(name)
    assert (2, spared) == (len(after), after[other])
    assert victim not in after


def test_if_everything_is_killed_everything_comes_back(project: Deployed, name: str) -> None:
    """As after a reboot: the server, the door and the replicas are gone, and the address is the same afterwards."""
    url = deploy(project, "wine@1", name, "--replicas", "2")
    project.kill_server()
    for pid in project.pids(name).values():
        kill_tree(pid)
    wait_until(lambda: not project.pids(name), poll=0.1)

    project.ok("deployments", "scale", name, "2")

    assert 200 == project.ask(url).status_code
    assert 3 == len(project.pids(name))


def test_a_server_that_is_killed_at_any_moment_leaves_nothing_twice_and_nothing_lost(
    project: Deployed, name: str
) -> None:
    """While it prepares, opens the door, starts a replica, waits for it: in the end there is what was wanted, once."""
    deploying = [*COMMAND, "deploy", "wine@1", "--name", name, "--replicas", "2", "--project", str(project.folder)]
    for moment in (f"{name}: preparing", f"{name}.door.1 starts", f"{name}.0.1 starts", "is ready"):
        said = len(project.server_log)
        with subprocess.Popen(deploying, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as command:
            wait_until(lambda: moment in project.server_log[said:], 60)  # noqa: B023 - done before they change
            project.kill_server()
            assert 0 != command.wait(60)

    project.ok("deploy", "wine@1", "--name", name)

    assert [f"{name}.0", f"{name}.1", f"{name}.door"] == sorted(cell.rpartition(".")[0] for cell in project.pids(name))
    assert project.started(name).keys() == project.pids(name).keys()
    assert 0 == sum(
        replica["restarts"]
        for replica in project.ok("deployments", "usage", name, "--format", "json").document["replicas"]
    )


def test_a_killed_door_is_replaced_while_callers_are_answered(project: Deployed, name: str) -> None:
    """Neither they nor the replicas notice, and another replica can still join."""
    url = deploy(project, "wine@1", name)
    before = project.replicas(name)
    (door,) = set(project.pids(name)) - set(before)

    with calling(int(url.rpartition(":")[2]), lambda number: {"x0": number, "x1": 1}, pause=0.02) as calls:
        os.kill(project.pids(name)[door], signal.SIGKILL)
        wait_until(lambda: any(".door.2" in cell for cell in project.pids(name)), 30, poll=0.1)
        project.ok("deployments", "scale", name, "2")

    assert ([], {200}) == (calls.failures, calls.statuses)
    assert before.items() <= project.replicas(name).items()


def test_stopping_gives_the_address_up_and_starting_takes_it_again(project: Deployed, name: str) -> None:
    """The tag goes and comes with it."""
    url = deploy(project, "wine@1", name)

    project.ok("deployments", "stop", name)
    stopped = (accepts(url), project.pids(name), tags(project, "wine@1").get("scoring_uri"))
    project.ok("deployments", "start", name)

    assert (False, {}, None) == stopped
    assert (200, f"{url}/predict") == (project.ask(url).status_code, tags(project, "wine@1")["scoring_uri"])


def test_a_removed_deployment_leaves_nothing_behind(project: Deployed) -> None:
    """Neither processes nor files nor a line in the list; its port is free."""
    url = deploy(project, "wine@1", "passing")

    project.ok("deployments", "remove", "passing")

    assert ({}, False) == (project.pids("passing"), accepts(url))
    assert not (project.folder / ".seatrial/deployments/passing").exists()
    assert 2 == project.run("deployments", "usage", "passing").code


def test_a_port_that_is_taken_is_said(project: Deployed, name: str) -> None:
    """Exit code 4 and the reason; once the port is free, deploying again succeeds."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = project.run("deploy", "wine@1", "--name", name, "--port", str(port))
    assert 4 == done.code
    assert f"cannot listen at 127.0.0.1:{port}: Address already in use" in done.err

    assert f"http://127.0.0.1:{port}" == deploy(project, "wine@1", name)


def test_a_model_that_cannot_be_opened_fails_with_its_log(project: Deployed, name: str) -> None:
    """Exit code 4, the reason, the end of the log, and what to do; in JSON as well."""
    done = project.run("deploy", "wine@3", "--name", name)
    document = project.run("deploy", "wine@3", "--name", name, "--format", "json").document

    assert 4 == done.code
    assert f"error: {name} is failed: it ended with exit status 2" in done.err
    assert "broken.joblib" in done.err
    assert f"seatrial deployments remove {name}" in done.err
    assert ("failed", True) == (document["deployment"]["state"], "broken.joblib" in document["log"])
    assert None is tags(project, "wine@3").get("scoring_uri")


def test_a_broken_version_leaves_the_one_before_at_work(project: Deployed, name: str) -> None:
    """The command says that it failed, and callers notice nothing."""
    url = deploy(project, "wine@1", name)

    with calling(int(url.rpartition(":")[2]), lambda number: {"x0": number, "x1": 1}, pause=0.05) as calls:
        done = project.run("deploy", "wine@3", "--name", name)

    assert (4, [], {200}) == (done.code, calls.failures, calls.statuses)
    assert f"{name} is degraded" in done.err
    assert f"{url}/predict" == tags(project, "wine@1")["scoring_uri"]


def test_a_replica_that_needs_more_memory_than_it_may_is_killed_and_says_so(project: Deployed, name: str) -> None:
    """Where control groups can be written, 24 MiB are 24 MiB."""
    writable_cgroups("memory")

    done = project.run("deploy", "wine@1", "--name", name, "--memory", "24Mi")

    assert 4 == done.code
    assert "out of memory (limit 24 MiB)" in done.err


def test_limits_and_usage_are_shown(project: Deployed, name: str) -> None:
    """What each replica uses, and what holds it or why nothing does."""
    deploy(project, "wine@1", name, "--cpu", "500m", "--memory", "700Mi")

    status = wait_until(
        lambda: next(
            (
                found
                for found in [project.ok("deployments", "usage", name, "--format", "json").document]
                if found["replicas"][0]["memory"] and found["replicas"][0]["cores"] is not None
            ),
            None,
        ),
        30,
    )

    assert status is not None
    (replica,) = status["replicas"]
    assert 10 << 20 < replica["memory"] < 700 << 20
    assert "memory" in replica["enforced"]
    assert (0.5, 700 << 20) == (status["wish"]["resources"]["cpu"], status["wish"]["resources"]["memory"])
    assert "500" not in project.ok("deployments", "usage", name).err


def test_variables_reach_the_model_and_nobody_else(project: Deployed, name: str) -> None:
    """They are in its environment, and in no list and no log."""
    deploy(project, "wine@1", name, "--env", "API_TOKEN=very-secret", "--env", "REGION=north")

    (pid,) = project.replicas(name).values()
    environment = psutil.Process(pid).environ()
    assert ("very-secret", "north") == (environment["API_TOKEN"], environment["REGION"])
    shown = project.ok("deployments", "list", "--format", "json").out + project.ok("deployments", "logs", name).out
    assert "very-secret" not in shown
    assert 0o600 == (project.folder / ".seatrial/deployments.db").stat().st_mode & 0o777


def test_logs_are_those_of_the_replicas(project: Deployed, name: str) -> None:
    """The last lines of each, with its number where there are several; `-f` goes on."""
    deploy(project, "wine@1", name, "--replicas", "2")

    done = project.ok("deployments", "logs", name)
    assert {"0", "1"} == {line.partition(" │ ")[0] for line in done.out.splitlines()}
    assert "serving" in done.out

    command = [*COMMAND, "deployments", "logs", name, "-f", "--replica", "0", "--lines", "1", "--project"]
    with subprocess.Popen([*command, str(project.folder)], stdout=subprocess.PIPE, text=True) as following:
        try:
            assert following.stdout is not None
            following.stdout.readline()
            kill_tree(next(pid for cell, pid in project.replicas(name).items() if f"{name}.0." in cell))
            wanted = f"[seatrial: {name}.0.2 starts at "
            assert any(wanted in line for line in iter(following.stdout.readline, ""))
        finally:
            following.terminate()


def test_a_second_server_is_told_who_is_the_first(project: Deployed, name: str) -> None:
    """Exit code 2 and its process id."""
    deploy(project, "wine@1", name)

    done = project.run("server")

    assert 2 == done.code
    assert f"a server of this project runs already, as process {project.server}" in done.err


def test_a_server_that_is_told_to_end_leaves_models_running(project: Deployed, name: str) -> None:
    """SIGTERM ends it with code 0 at once; with --stop-models it takes them along, and starts them again next time."""
    url = deploy(project, "wine@1", name)
    before = project.pids(name)
    server = project.server
    assert server
    os.kill(server, signal.SIGTERM)
    wait_until(lambda: project.server is None, 5)
    assert (before, 200) == (project.pids(name), project.ask(url).status_code)

    command = [*COMMAND, "server", "--stop-models", "--project", str(project.folder)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as second:
        wait_until(lambda: project.server == second.pid, 30)
        second.terminate()
        assert 0 == second.wait(60)
    assert {} == project.pids(name)

    project.ok("deployments", "scale", name, "1")
    assert 200 == project.ask(url).status_code


def test_what_cannot_be_asked_for_is_refused_before_anything_starts(project: Deployed) -> None:
    """Exit code 2, the reason and what is known."""
    wrong = {
        ("deploy", "wine"): "which version?",
        ("deploy", "wine@9"): "wine has no version 9",
        ("deploy", "wine@Production"): "no version of wine holds Production",
        ("deploy", "wine@1", "--runtime", "cloud"): "known: process",
        ("deploy", "wine@1", "--memory", "much"): "--memory",
        ("deploy", "wine@1", "--env", "1=2"): "write --env NAME=VALUE",
        ("deploy", "wine@1", "--name", "../x"): "can't be the name of a deployment",
        ("deployments", "scale", "nobody", "2"): "there is no deployment 'nobody'",
    }

    for words, said in wrong.items():
        done = project.run(*words)
        assert (2, True) == (done.code, said in done.err), done.err


def test_health_of_each_replica_can_be_asked_by_itself(project: Deployed, name: str) -> None:
    """Each has a port of its own on loopback, for metrics and the like."""
    deploy(project, "wine@1", name, "--replicas", "2")

    ports = [one.port for cell, one in project.started(name).items() if ".door." not in cell]

    assert 2 == len(set(ports))
    for port in ports:
        assert 200 == httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).status_code
