"""Where a command runs, as CI systems tell by their environment."""

import json

import pytest

from seatrial.forge.place import find_place
from seatrial.records import CiPlace, ForgeKind, ForgeSpec

EVENT = {"pull_request": {"number": 7, "head": {"sha": "c0ffee"}, "base": {"sha": "ba5e"}}}
GITHUB = {
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_REPOSITORY": "cellar/wine",
    "GITHUB_RUN_ID": "77",
    "GITHUB_SHA": "3e49e",
    "GITHUB_EVENT_PATH": "/event.json",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_SERVER_URL": "https://gitlab.cellar.example",
    "CI_API_V4_URL": "https://gitlab.cellar.example/api/v4",
    "CI_PROJECT_PATH": "fork/wine",
    "CI_MERGE_REQUEST_PROJECT_PATH": "cellar/red/wine",
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_DIFF_BASE_SHA": "ba5e",
    "CI_COMMIT_SHA": "c0ffee",
    "CI_JOB_URL": "https://gitlab.cellar.example/cellar/red/wine/-/jobs/9",
}
AZURE = {
    "TF_BUILD": "True",
    "BUILD_REPOSITORY_PROVIDER": "GitHub",
    "BUILD_REPOSITORY_URI": "https://github.com/cellar/wine",
    "BUILD_SOURCEVERSION": "3e49e",
    "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "7",
    "SYSTEM_PULLREQUEST_PULLREQUESTID": "123456",
    "SYSTEM_PULLREQUEST_SOURCECOMMITID": "c0ffee",
}
JENKINS = {
    "JENKINS_URL": "https://jenkins.cellar.example/",
    "BUILD_URL": "https://jenkins.cellar.example/job/wine/3/",
    "CHANGE_ID": "7",
    "CHANGE_URL": "https://gitlab.com/cellar/red/wine/-/merge_requests/7",
    "GIT_URL": "git@gitlab.com:cellar/red/wine.git",
    "GIT_COMMIT": "c0ffee",
}
BUILDKITE = {
    "BUILDKITE": "true",
    "BUILDKITE_REPO": "git@github.com:cellar/wine.git",
    "BUILDKITE_PULL_REQUEST": "7",
    "BUILDKITE_COMMIT": "c0ffee",
    "BUILDKITE_BUILD_URL": "https://buildkite.com/cellar/wine/builds/3",
}
TEKTON = {"REPO_URL": "https://codeberg.org/cellar/wine", "COMMIT_SHA": "c0ffee", "PULL_NUMBER": "7"}
ON_GITHUB = ForgeSpec(kind=ForgeKind.GITHUB, url="https://github.com", repository="cellar/wine")


def read(path: str) -> bytes:
    """The event that GitHub Actions describe in a file."""
    if path != "/event.json":
        raise FileNotFoundError(path)
    return json.dumps(EVENT).encode()


def place(environ: dict[str, str]) -> CiPlace:
    """The place that must be found."""
    found = find_place(environ, read)
    assert found is not None
    return found


def test_github_tells_the_pull_requests_own_commit_beside_the_merge_commit() -> None:
    """What is checked out is a merge that nobody pushed: the check belongs to the commit that somebody did."""
    found = place(GITHUB)
    assert ("GitHub Actions", 7, "3e49e", "c0ffee", "ba5e") == (
        found.system,
        found.number,
        found.commit,
        found.head,
        found.base,
    )
    assert "https://github.com/cellar/wine/actions/runs/77" == found.run_url
    assert found.forge is not None
    assert ("cellar/wine", "https://api.github.com") == (found.forge.repository, found.forge.api)


def test_a_push_has_a_commit_and_no_pull_request() -> None:
    """The event's file may be missing, or be of another event."""
    found = place(GITHUB | {"GITHUB_EVENT_PATH": "/gone.json"})
    assert (None, "3e49e") == (found.number, found.head)


def test_a_workflow_that_follows_another_is_told_whose_commit_it_is_about() -> None:
    """The one that publishes a fork's report runs on the default branch, whose commit its own variables name."""
    event = {"workflow_run": {"head_sha": "f04c", "pull_requests": []}}
    found = find_place(GITHUB, lambda _: json.dumps(event).encode())
    assert found is not None
    assert ("f04c", None) == (found.head, found.number)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"pull_request": null}', b'{"pull_request": {"number": "x"}}'])
def test_an_event_that_tells_nothing_is_as_none(body: bytes) -> None:
    """Whatever is in the file, a place is found."""
    found = find_place(GITHUB, lambda _: body)
    assert found is not None
    assert found.number is None


@pytest.mark.parametrize("name", ["GITEA_ACTIONS", "FORGEJO_ACTIONS"])
def test_gitea_and_forgejo_are_told_from_github_whose_variables_they_set(name: str) -> None:
    """Their runners set one of their own as well."""
    found = place(GITHUB | {name: "true", "GITHUB_SERVER_URL": "https://git.cellar.example"})
    assert found.forge is not None
    assert (ForgeKind.GITEA, "https://git.cellar.example") == (found.forge.kind, found.forge.url)


def test_gitlab_tells_the_project_that_the_merge_request_is_for() -> None:
    """The pipeline of a fork's merge request runs in the fork; the comment belongs where people decide."""
    found = place(GITLAB)
    assert ("cellar/red/wine", 7, "c0ffee", "ba5e") == (found.repository, found.number, found.head, found.base)
    assert found.forge is not None
    assert "https://gitlab.cellar.example/api/v4" == found.forge.api


def test_gitlabs_merged_results_pipeline_tells_the_branchs_commit() -> None:
    """Its own commit is a merge that nobody pushed."""
    assert "b4a9c4" == place(GITLAB | {"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "b4a9c4"}).head


def test_azure_tells_githubs_number_and_not_its_own() -> None:
    """It counts the pull requests of GitHub by ids of its own beside."""
    found = place(AZURE)
    assert (ON_GITHUB, 7, "c0ffee") == (found.forge, found.number, found.head)


def test_azure_repos_are_no_forge_that_can_be_published_to() -> None:
    """That is said, instead of guessing."""
    own = {"BUILD_REPOSITORY_PROVIDER": "TfsGit", "BUILD_REPOSITORY_URI": "https://dev.azure.com/cellar/red/_git/wine"}
    found = place(AZURE | own)
    assert found.forge is None
    assert "add `forge:`" in found.notes[0]


def test_jenkins_tells_the_forge_by_the_pages_address() -> None:
    """A multibranch job has the page of the change; its remote may be an SSH address."""
    found = place(JENKINS)
    assert ForgeSpec(kind=ForgeKind.GITLAB, url="https://gitlab.com", repository="cellar/red/wine") == found.forge
    assert ("Jenkins", 7, "https://jenkins.cellar.example/job/wine/3/") == (found.system, found.number, found.run_url)


def test_buildkite_tells_all_by_itself() -> None:
    """Also that a build is of no pull request, which it calls `false`."""
    assert (ON_GITHUB, 7) == (place(BUILDKITE).forge, place(BUILDKITE).number)
    assert place(BUILDKITE | {"BUILDKITE_PULL_REQUEST": "false"}).number is None


def test_tekton_tells_what_the_pipeline_hands_in() -> None:
    """Under the names that pipelines for trials use."""
    found = place(TEKTON)
    assert found.forge is not None
    assert ("Tekton", ForgeKind.GITEA, 7) == (found.system, found.forge.kind, found.number)


def test_outside_ci_there_is_no_place() -> None:
    """Nor where a variable is there and says no."""
    assert find_place({}, read) is None
    assert find_place({"GITHUB_ACTIONS": "false"}, read) is None
