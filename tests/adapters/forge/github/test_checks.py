"""Checks on GitHub: check runs, and commit statuses for tokens that may set no check run."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.adapters.forge.github import GithubForge
from seatrial.adapters.forge.github_shapes import cut, cut_bytes
from seatrial.records import Annotation, AnnotationLevel, Check, CheckPhase, Conclusion, PermanentError, TemporaryError
from seatrial.testing import FakeClock
from tests.adapters.forge.github.conftest import REPOSITORY, Opened
from tests.forges.github.fake import FakeGithub, Fault
from tests.forges.github.state import Pull, Run, Status

KEY = "trial-1"


@pytest.fixture
def queued(pull: Pull) -> Check:
    """A check that waits."""
    return Check(
        repository=REPOSITORY,
        commit=pull.head,
        name="seatrial",
        key=KEY,
        phase=CheckPhase.QUEUED,
        title="waits for its turn",
        summary="Nothing is known yet.",
        url="https://trials.example.org/1",
    )


@pytest.fixture
def done(queued: Check, clock: FakeClock) -> Check:
    """A check that passed."""
    return replace(
        queued,
        phase=CheckPhase.DONE,
        conclusion=Conclusion.SUCCESS,
        title="pass",
        started=clock.now(),
        ended=clock.now() + timedelta(minutes=2),
    )


def _runs(fake: FakeGithub) -> list[Run]:
    return fake.world.repositories[REPOSITORY].runs


def _statuses(fake: FakeGithub) -> list[Status]:
    return fake.world.repositories[REPOSITORY].statuses


def _annotations(count: int) -> tuple[Annotation, ...]:
    return tuple(
        Annotation(
            path="seatrial.yaml", line=n + 1, level=AnnotationLevel.WARNING, title=f"metric {n}", message="worse "
        )
        for n in range(count)
    )


def test_a_check_run_is_one_from_queued_to_its_end(
    fake: FakeGithub, forge: GithubForge, queued: Check, done: Check
) -> None:
    """It is created once and changed by its id; name, key, line, summary, link and times are those that were said."""
    for check in (queued, replace(queued, phase=CheckPhase.RUNNING, title="a: measures"), done):
        forge.set_check(check)

    (run,) = _runs(fake)
    assert ("seatrial", done.commit) == (run.name, run.commit)
    assert {
        "name": "seatrial",
        "head_sha": done.commit,
        "external_id": KEY,
        "status": "completed",
        "conclusion": "success",
        "details_url": "https://trials.example.org/1",
        "output": {"title": "pass", "summary": "Nothing is known yet."},
        "started_at": "2026-01-01T00:00:00Z",
        "completed_at": "2026-01-01T00:02:00Z",
    } == run.fields
    assert ["POST", "PATCH", "PATCH"] == [line.partition(" ")[0] for line in fake.writes()]


@pytest.mark.parametrize("kind", ["app", "classic"])
def test_the_same_check_again_asks_nothing(fake: FakeGithub, opened: Opened, done: Check, kind: str) -> None:
    """Nor does a process that never set it write anything: what stands there is looked at."""
    forge = opened(kind)
    forge.set_check(done)
    writes, asked = fake.writes(), len(fake.asked)
    forge.set_check(done)
    assert asked == len(fake.asked)

    again = GithubForge(fake.url, "", next(iter(fake.world.tokens)))
    again.set_check(done)
    assert writes == fake.writes()


def test_another_process_goes_on_with_the_check_run(
    fake: FakeGithub, opened: Opened, queued: Check, done: Check
) -> None:
    """It is found by name and key, among many of other names."""
    opened().set_check(queued)
    for n in range(120):
        opened().set_check(replace(queued, name=f"other {n}"))
    opened().set_check(done)

    (run,) = (run for run in _runs(fake) if run.name == "seatrial")
    assert "success" == run.fields["conclusion"]


def test_a_new_trial_has_a_new_check_run_and_ends_the_old(fake: FakeGithub, opened: Opened, queued: Check) -> None:
    """Another key is another run; what the one before left under way is cancelled, so that nothing spins for ever."""
    opened().set_check(replace(queued, phase=CheckPhase.RUNNING))
    opened().set_check(replace(queued, key="trial-2"))

    old, new = _runs(fake)
    assert ("completed", "cancelled") == (old.fields["status"], old.fields["conclusion"])
    assert ("trial-2", "queued") == (new.fields["external_id"], new.fields["status"])


def test_another_apps_check_run_of_that_name_is_left_alone(fake: FakeGithub, opened: Opened, queued: Check) -> None:
    """Only its App may change a check run; ours stands beside it."""
    opened("workflow").set_check(queued)
    opened("app").set_check(replace(queued, key="trial-2"))

    assert ["queued", "queued"] == [run.fields["status"] for run in _runs(fake)]


def test_a_trial_that_runs_again_has_a_new_check_run(
    fake: FakeGithub, forge: GithubForge, queued: Check, done: Check
) -> None:
    """What is done does not start again, on GitHub neither."""
    for check in (done, queued, replace(done, conclusion=Conclusion.FAILURE)):
        forge.set_check(check)

    assert ["success", "failure"] == [run.fields["conclusion"] for run in _runs(fake)]


@pytest.mark.parametrize("conclusion", list(Conclusion))
def test_a_check_run_ends_in_the_same_words(
    fake: FakeGithub, forge: GithubForge, done: Check, conclusion: Conclusion
) -> None:
    """GitHub knows all five."""
    forge.set_check(replace(done, conclusion=conclusion))

    assert conclusion.value == _runs(fake)[0].fields["conclusion"]


def test_annotations_go_in_batches_and_once(fake: FakeGithub, opened: Opened, done: Check) -> None:
    """120 of them are three requests; saying them again, also from another process, adds none."""
    check = replace(done, annotations=_annotations(120))
    opened().set_check(check)
    (run,) = _runs(fake)
    assert [f"metric {n}" for n in range(120)] == [one["title"] for one in run.annotations]
    assert ["POST", "PATCH", "PATCH", "PATCH"] == [line.partition(" ")[0] for line in fake.writes()]

    opened().set_check(check)
    opened().set_check(replace(check, annotations=_annotations(121)))
    assert 121 == len(run.annotations)


@pytest.mark.parametrize("after", [True, False])
def test_annotations_of_a_request_that_was_lost_are_there_once(
    fake: FakeGithub, forge: GithubForge, done: Check, *, after: bool
) -> None:
    """Whether the second batch arrived is looked at before it is sent again."""
    forge.set_check(replace(done, annotations=_annotations(50)))
    fake.faults.append(Fault(504, "Gateway Timeout", verb="PATCH", after=after))
    forge.set_check(replace(done, annotations=_annotations(70)))

    assert [f"metric {n}" for n in range(70)] == [one["title"] for one in _runs(fake)[0].annotations]


def test_annotations_that_arrived_unseen_are_not_sent_again_later(
    fake: FakeGithub, forge: GithubForge, done: Check
) -> None:
    """GitHub stayed broken after it took them; the next call looks first."""
    check = replace(done, annotations=_annotations(3))
    fake.faults += [Fault(502, verb="PATCH", after=True), Fault(502, times=9)]
    fake.faults[1].skip = 2
    with pytest.raises(TemporaryError):
        forge.set_check(check)
    fake.faults.clear()
    forge.set_check(check)

    assert 3 == len(_runs(fake)[0].annotations)


def test_the_verdict_stands_where_annotations_are_refused(
    fake: FakeGithub, forge: GithubForge, queued: Check, done: Check
) -> None:
    """It is written first, and the refusal is told."""
    forge.set_check(queued)
    fake.faults += [Fault(422, "Invalid path", verb="PATCH", skip=1)]
    with pytest.raises(PermanentError, match="can't set checks: Invalid path"):
        forge.set_check(replace(done, annotations=_annotations(1)))

    (run,) = _runs(fake)
    assert ("success", []) == (run.fields["conclusion"], run.annotations)


def test_a_check_run_whose_answer_was_lost_is_not_made_twice(
    fake: FakeGithub, forge: GithubForge, queued: Check, done: Check
) -> None:
    """It is found by its key, and gone on with."""
    fake.faults.append(Fault(502, verb="POST", after=True))
    forge.set_check(queued)
    forge.set_check(done)

    assert ["success"] == [run.fields["conclusion"] for run in _runs(fake)]


def test_what_github_would_refuse_for_its_size_is_cut(fake: FakeGithub, forge: GithubForge, done: Check) -> None:
    """Summary, title and remarks are cut rather than lost; a remark without text has its title."""
    remark = replace(_annotations(1)[0], title="t" * 300, message=" ")
    forge.set_check(replace(done, title="x" * 300, summary="船" * 40_000, annotations=(remark,)))

    (run,) = _runs(fake)
    assert 255 == len(run.fields["output"]["title"])
    assert 65_535 >= len(run.fields["output"]["summary"].encode()) > 65_500
    assert "t" * 300 == run.annotations[0]["message"]


@pytest.mark.parametrize("kind", ["classic", "fine"])
def test_a_persons_token_sets_a_status_and_remembers_it(
    fake: FakeGithub, opened: Opened, queued: Check, done: Check, kind: str
) -> None:
    """Check runs are for Apps: after the first refusal nobody tries again, for no commit of that repository."""
    forge = opened(kind)
    forge.set_check(queued)
    refused = [path for verb, path, status in fake.asked if status == 403]
    forge.set_check(done)
    forge.set_check(replace(done, commit=fake.world.repositories[REPOSITORY].push("change")))

    assert 1 == len(refused)
    assert [403] == [status for _, path, status in fake.asked if "check-runs" in path and status != 200]
    assert {
        "context": "seatrial",
        "state": "success",
        "description": "pass",
        "target_url": "https://trials.example.org/1",
    } == _statuses(fake)[1].fields
    assert ["pending", "success", "success"] == [one.fields["state"] for one in _statuses(fake)]


@pytest.mark.parametrize(
    ("conclusion", "state"),
    [
        (Conclusion.SUCCESS, "success"),
        (Conclusion.FAILURE, "failure"),
        (Conclusion.NEUTRAL, "error"),
        (Conclusion.ACTION_REQUIRED, "error"),
        (Conclusion.CANCELLED, "error"),
    ],
)
def test_a_status_is_green_for_success_alone(
    fake: FakeGithub, opened: Opened, done: Check, conclusion: Conclusion, state: str
) -> None:
    """What a status has no word for is an error, with a line that tells what it is."""
    opened("classic").set_check(replace(done, conclusion=conclusion, title="x" * 200, url=""))

    assert {"context": "seatrial", "state": state, "description": "x" * 139 + "…"} == _statuses(fake)[0].fields


def test_a_workflow_without_checks_takes_statuses(fake: FakeGithub, opened: Opened, done: Check) -> None:
    """A right to statuses alone is enough to be seen."""
    opened("workflow", checks="read", statuses="write").set_check(done)

    assert ["success"] == [one.fields["state"] for one in _statuses(fake)]


def test_a_workflow_without_either_is_told_of_checks(fake: FakeGithub, opened: Opened, done: Check) -> None:
    """The better of the two is named, with the lines to write; a right that is granted later is used."""
    forge = opened("workflow", contents="read")
    with pytest.raises(PermanentError) as caught:
        forge.set_check(done)
    assert "the token may not read the checks of a commit (GitHub: Resource not accessible by integration)" == (
        caught.value.what
    )
    assert "\npermissions:\n  contents: read\n  pull-requests: write\n  checks: write" in caught.value.remedy

    for token in fake.world.tokens.values():
        token.rights["checks"] = "write"
    forge.set_check(done)
    assert 1 == len(_runs(fake))


def test_a_classic_token_without_a_scope_is_told_of_statuses(opened: Opened, done: Check) -> None:
    """It could never set a check run, so that is not what it lacks."""
    with pytest.raises(PermanentError) as caught:
        opened("classic", checks="read", contents="read").set_check(done)
    assert "give the token the scope `repo:status`" == caught.value.remedy


def test_the_last_statuses_are_kept_for_the_verdict(
    fake: FakeGithub, opened: Opened, queued: Check, done: Check
) -> None:
    """GitHub takes 1,000 statuses of a name and commit; a long trial tells less of its way rather than not its end."""
    forge = opened("classic")
    forge.set_check(queued)
    stood = Status(1, queued.commit, {"context": "seatrial", "state": "pending"}, fake.world.clock.now())
    _statuses(fake).extend([stood] * 985)
    other = opened("classic")
    for n in range(20):
        other.set_check(replace(queued, phase=CheckPhase.RUNNING, title=f"step {n}"))
    other.set_check(done)

    assert 1_000 > len(_statuses(fake))
    assert "success" == _statuses(fake)[-1].fields["state"]


def test_a_commit_that_is_not_there_is_named(forge: GithubForge, done: Check) -> None:
    """A force push may have taken it away."""
    with pytest.raises(PermanentError, match="No commit found for SHA") as caught:
        forge.set_check(replace(done, commit="0" * 40))
    assert "acme/wine@000000000000" == caught.value.where


@given(st.text(), st.integers(min_value=4, max_value=40))
def test_a_cut_text_fits_and_begins_as_the_whole(text: str, size: int) -> None:
    """By characters and by bytes, and a text that fits stays as it is."""
    by_characters, by_bytes = cut(text, size), cut_bytes(text, size)

    assert len(by_characters) <= size
    assert len(by_bytes.encode()) <= size
    assert text.startswith(by_characters.removesuffix("…")) or text == by_characters
    assert text.startswith(by_bytes.removesuffix("…")) or text == by_bytes
    assert (len(text.encode()) <= size) == (by_bytes == text)
