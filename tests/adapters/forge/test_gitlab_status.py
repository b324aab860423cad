"""Checks as GitLab's statuses: the pipeline and project that they belong to, and states that GitLab does not have."""

import pytest

from seatrial.adapters.forge.gitlab import GitlabForge
from seatrial.records import CheckPhase, Conclusion, PermanentError
from tests.adapters.forge.gitlab_scene import a_check, clock, forge, scene
from tests.contract.forges import Light
from tests.forges.gitlab.opener import GitlabScene
from tests.forges.gitlab.server import Fault
from tests.forges.gitlab.state import Pipeline, Status

__all__ = ["clock", "forge", "scene"]


def pipeline(scene: GitlabScene, commit: str, ref: str) -> Pipeline:
    """A pipeline of GitLab CI."""
    made = Pipeline(next(scene.server.state.ids), scene.project, commit, ref, "merge_request_event")
    scene.server.state.pipelines.append(made)
    return made


@pytest.mark.parametrize(
    ("conclusion", "state", "text"),
    [
        (Conclusion.SUCCESS, "success", "done"),
        (Conclusion.FAILURE, "failed", "done"),
        (Conclusion.NEUTRAL, "failed", "inconclusive: done"),
        (Conclusion.ACTION_REQUIRED, "failed", "broken: done"),
        (Conclusion.CANCELLED, "canceled", "done"),
    ],
)
def test_conclusions_that_gitlab_lacks_are_failed_and_named(
    scene: GitlabScene, forge: GitlabForge, conclusion: Conclusion, state: str, text: str
) -> None:
    """Inconclusive and broken let no change pass, and say what they are."""
    scene.open_pull("a")
    forge.set_check(a_check(scene, scene.tip("a"), conclusion=conclusion))
    (row,) = scene.server.state.statuses
    assert (state, text) == (row.state, row.description)


def test_a_title_that_names_it_is_left_alone(scene: GitlabScene, forge: GitlabForge) -> None:
    """Once is enough."""
    scene.open_pull("a")
    title = "Inconclusive: about 400 more requests"
    forge.set_check(a_check(scene, scene.tip("a"), conclusion=Conclusion.NEUTRAL, title=title))
    assert [title] == [check.title for check in scene.checks(scene.tip("a"))]


def test_a_running_status_keeps_the_text_that_it_began_with(scene: GitlabScene, forge: GitlabForge) -> None:
    """GitLab changes none of a running one, which is no error; it is not asked in vain either."""
    scene.open_pull("a")
    commit = scene.tip("a")
    for title in ("a: builds", "a: measures", "b: measures"):
        forge.set_check(a_check(scene, commit, phase=CheckPhase.RUNNING, title=title))
    forge.set_check(a_check(scene, commit, phase=CheckPhase.QUEUED, title="waits"))
    assert [("a: builds", Light.WAITING)] == [(check.title, check.light) for check in scene.checks(commit)]
    assert 1 == scene.server.asked.count(f"POST /api/v4/projects/ship%2Fcrew%2Fwine/statuses/{commit}")


def test_a_state_that_somebody_else_has_set_meanwhile_is_no_error(scene: GitlabScene, forge: GitlabForge) -> None:
    """GitLab refuses to run what runs; a row without a text is not seen before."""
    scene.open_pull("a")
    commit = scene.tip("a")
    place = pipeline(scene, commit, "a")
    account = scene.people[scene.account]
    scene.server.state.statuses.append(Status(1, place, account, "seatrial", state="running"))
    forge.set_check(a_check(scene, commit, phase=CheckPhase.RUNNING))
    assert ["running"] == [row.state for row in scene.server.state.statuses]


def test_other_refusals_of_a_status_are_errors(scene: GitlabScene, forge: GitlabForge) -> None:
    """Only a state that is there already counts as done."""
    scene.open_pull("a")
    scene.server.faults.append(Fault("POST", "/statuses/", 400))
    with pytest.raises(PermanentError, match="400"):
        forge.set_check(a_check(scene, scene.tip("a")))


def test_a_status_goes_into_the_commits_newest_pipeline(scene: GitlabScene, forge: GitlabForge) -> None:
    """It stands beside the jobs of the merge request, and no second pipeline takes their place."""
    number = scene.open_pull("a")
    commit = scene.tip("a")
    pipeline(scene, commit, "a")
    newest = pipeline(scene, commit, f"refs/merge-requests/{number}/head")
    forge.set_check(a_check(scene, commit))
    assert [newest] == [row.pipeline for row in scene.server.state.statuses]
    assert 2 == len(scene.server.state.pipelines)


def test_a_status_ends_in_the_pipeline_that_it_began_in(scene: GitlabScene, forge: GitlabForge) -> None:
    """A pipeline that was started meanwhile does not leave the first one waiting for ever."""
    scene.open_pull("a")
    commit = scene.tip("a")
    began = pipeline(scene, commit, "a")
    forge.set_check(a_check(scene, commit, phase=CheckPhase.RUNNING))
    pipeline(scene, commit, "a")
    forge.set_check(a_check(scene, commit))
    assert [("failed", began)] == [(row.state, row.pipeline) for row in scene.server.state.statuses]


def test_without_a_pipeline_the_status_is_of_the_source_branch(scene: GitlabScene, forge: GitlabForge) -> None:
    """GitLab would take the first branch in the alphabet that has the commit."""
    scene.open_pull("work")
    commit = scene.tip("work")
    scene.project.branches["aaa"] = [commit]
    forge.set_check(a_check(scene, commit))
    assert ["work"] == [row.pipeline.ref for row in scene.server.state.statuses]


def test_a_push_has_a_status_without_a_merge_request(scene: GitlabScene, forge: GitlabForge) -> None:
    """The commit is enough."""
    commit = scene.push("main")
    forge.set_check(a_check(scene, commit))
    assert ["main"] == [row.pipeline.ref for row in scene.server.state.statuses]


def test_a_commit_that_is_not_there_is_an_error(scene: GitlabScene, forge: GitlabForge) -> None:
    """No retry brings it."""
    with pytest.raises(PermanentError, match="404 Commit"):
        forge.set_check(a_check(scene, "0" * 40))


def test_a_job_of_the_same_name_is_not_taken_for_the_status(scene: GitlabScene, forge: GitlabForge) -> None:
    """A job `seatrial` of `.gitlab-ci.yml` runs while its own status is set."""
    scene.open_pull("a")
    commit = scene.tip("a")
    job = Status(1, pipeline(scene, commit, "a"), scene.people["wendy"], "seatrial", state="running", url="https://job")
    scene.server.state.statuses.append(job)
    forge.set_check(a_check(scene, commit, phase=CheckPhase.RUNNING, title="a: measures"))
    assert ("running", None) == (job.state, job.description)
    assert ["a: measures"] == [row.description for row in scene.server.state.statuses if row is not job]


def test_a_status_of_a_fork_goes_to_the_fork(scene: GitlabScene, forge: GitlabForge) -> None:
    """The merge request shows the pipelines of its source."""
    scene.open_pull("a", fork=True)
    scene.fork.members[scene.people[scene.account].id] = 30
    forge.set_check(a_check(scene, scene.tip("a")))
    assert [(scene.fork, "a")] == [(row.pipeline.project, row.pipeline.ref) for row in scene.server.state.statuses]


@pytest.mark.parametrize("fork", ["public", "private", "deleted"])
def test_a_status_of_a_fork_that_is_closed_to_the_token_stays_here(
    scene: GitlabScene, forge: GitlabForge, fork: str
) -> None:
    """On the merge request's own ref, where the commit shows it; queued, running and done are one row."""
    number = scene.open_pull("a", fork=True)
    commit = scene.tip("a")
    scene.fork.public = fork == "public"
    if fork == "deleted":
        scene.server.state.requests[0].source = None
    for phase in CheckPhase:
        forge.set_check(a_check(scene, commit, phase=phase))
    rows = [(row.pipeline.project, row.pipeline.ref, row.state) for row in scene.server.state.statuses]
    assert [(scene.project, f"refs/merge-requests/{number}/head", "failed")] == rows


def test_what_gitlab_does_not_take_is_cut(scene: GitlabScene, forge: GitlabForge) -> None:
    """255 characters of a text and of an address; half an address is none."""
    scene.open_pull("a")
    forge.set_check(a_check(scene, scene.tip("a"), title="x" * 300, url=f"https://example.org/{'x' * 300}"))
    (row,) = scene.server.state.statuses
    assert (f"{'x' * 254}…", None) == (row.description, row.url)
