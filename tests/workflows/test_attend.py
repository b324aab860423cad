"""The duty of a long-lived server: it goes on with what others left, and delivers what it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seatrial.records import EventKind, Notice
from seatrial.workflows.attend import Attendant
from tests.waiting import wait_until
from tests.workflows.projects import Project, make, receiver

NOTICE = Notice(key="deployment:1", event=EventKind.DEPLOYMENT, project="small", subject="small is ready")


@contextmanager
def attending(project: Project) -> Iterator[tuple[Attendant, list[str]]]:
    """An attendant in a thread, and what it says."""
    said: list[str] = []
    stop = threading.Event()
    attendant = Attendant(project.folder, said.append, every=0.2)
    thread = threading.Thread(target=attendant, args=(stop,))
    thread.start()
    try:
        yield attendant, said
    finally:
        stop.set()
        thread.join()


@pytest.mark.slow
def test_it_goes_on_with_what_dies_beside_it(tmp_path: Path) -> None:
    """A promotion that is killed while the server runs is taken over by it, and its end is told."""
    project = make(tmp_path, {"right": 1})
    with attending(project) as (_, said):
        project.run("promote", "small", dying=("before", "try small@1"), fake=True)
        wait_until(lambda: any("ended" in line for line in said), deadline=60)

    assert said[0].startswith("going on with the promotion of small (")
    assert said[-1].endswith("ended: small@1 was not promoted to Production")
    assert "fail" == project.version(1).tags["test_status"]


@pytest.mark.slow
def test_it_delivers_what_it_is_told(tmp_path: Path) -> None:
    """Also what it was told before its workflows were open; and it says what could not be delivered."""
    with receiver() as hook:
        lost = "  - {name: gone, url: '${NOWHERE}'}\n"
        project = make(tmp_path, config=f"{hook.config}{lost}")
        with attending(project) as (attendant, said):
            attendant.notify(NOTICE)
            wait_until(lambda: hook.got and said, deadline=30)

    assert ["deployment:1"] == hook.keys()
    assert 1 == len(said)
    assert said[0].startswith("gone did not get 'small is ready': the url of 'gone' refers to ${NOWHERE}")


def test_a_project_without_configuration_is_told_again_and_again(tmp_path: Path) -> None:
    """Until it has one, or the server ends."""
    said: list[str] = []
    stop = threading.Event()
    attendant = Attendant(tmp_path, said.append, every=0.01)
    thread = threading.Thread(target=attendant, args=(stop,))
    thread.start()
    wait_until(lambda: len(said) > 1)
    stop.set()
    thread.join()

    assert "there is no seatrial.yaml" in said[0]
