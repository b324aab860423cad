"""Which commit and pull request a result belongs to, and whose word counts for that."""

from pathlib import Path

import pytest

from seatrial.forge.choose import choose_forge, token_of
from seatrial.forge.claim import Claim, check_claim, read_claim, write_claim
from seatrial.forge.target import find_repository, find_target, hint, origin, pushed_commit
from seatrial.records import CiPlace, ForgeKind, ForgeSpec, PublishTarget, UsageError
from seatrial.testing import MemoryForge
from tests.change.repositories import Work, init

GITHUB = ForgeSpec(
    kind=ForgeKind.GITHUB, url="https://github.com", repository="cellar/wine", api="https://api.github.com"
)
PLACE = CiPlace(system="GitHub Actions", repository="cellar/wine", number=7, head="c0ffee", forge=GITHUB)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    """A repository with a branch that was merged as a CI system does."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.org")
    made = init(tmp_path / "work")
    made.commit({"app.py": "one\n"})
    return made


def test_ci_tells_the_forge_and_the_file_can_overrule_it() -> None:
    """The address in seatrial.yaml counts; what it leaves open comes from the place, if it is the same forge."""
    own = ForgeSpec(kind=ForgeKind.GITHUB, url="https://github.com", token="${MY_TOKEN}")
    assert choose_forge(None, PLACE, "") == GITHUB
    chosen = choose_forge(own, PLACE, "")
    assert chosen is not None
    assert ("cellar/wine", "https://api.github.com", "${MY_TOKEN}") == (chosen.repository, chosen.api, chosen.token)


def test_outside_ci_gits_remote_tells_the_forge() -> None:
    """Where its host's name does; otherwise the file has to, and the message says what to write."""
    found = choose_forge(None, None, "git@gitlab.com:cellar/wine.git")
    assert found is not None
    assert (ForgeKind.GITLAB, "cellar/wine") == (found.kind, found.repository)
    assert choose_forge(None, None, "https://git.cellar.example/cellar/wine") is None
    assert "url: https://git.cellar.example" in hint("https://git.cellar.example/cellar/wine")


def test_the_remote_tells_the_repository_on_a_forge_that_the_file_names() -> None:
    """A mirror of another address has the same path."""
    own = ForgeSpec(kind=ForgeKind.GITEA, url="https://git.cellar.example")
    chosen = choose_forge(own, None, "ssh://git@git.cellar.example:2222/cellar/wine.git")
    assert chosen is not None
    assert "cellar/wine" == chosen.repository


@pytest.mark.parametrize(
    ("environ", "token"),
    [
        ({"GITHUB_TOKEN": "a", "GH_TOKEN": "b"}, "a"),
        ({"GH_TOKEN": "b"}, "b"),
        ({"GITHUB_TOKEN": "$(GITHUB_TOKEN)"}, ""),
        ({"GITHUB_TOKEN": " "}, ""),
        ({}, ""),
    ],
)
def test_the_usual_variable_holds_the_token(environ: dict[str, str], token: str) -> None:
    """The first that is set; what Azure Pipelines leave for a variable that isn't there is none."""
    assert token == token_of(GITHUB, environ)


def test_the_result_belongs_to_the_commit_that_ci_names(work: Work) -> None:
    """And to the pull request of it; by hand to the one that is checked out."""
    target = find_target(GITHUB, PLACE, work.repository(), project="wine")
    assert ("c0ffee", 7, False) == (target.commit, target.number, target.several)
    by_hand = find_target(GITHUB, None, work.repository(), project="wine", pull=9)
    assert (work.git("rev-parse", "HEAD"), 9) == (by_hand.commit, by_hand.number)


def test_a_project_in_a_subfolder_is_one_of_several(work: Work) -> None:
    """So that its check has a name of its own."""
    work.commit({"models/red/app.py": "one\n"})
    assert find_target(GITHUB, PLACE, work.repository("models/red"), project="red").several


def test_without_a_repository_ci_has_to_name_the_commit(tmp_path: Path) -> None:
    """A job that only publishes has none; then nothing is guessed."""
    assert find_repository(tmp_path, {}) is None
    assert "c0ffee" == find_target(GITHUB, PLACE, None, project="wine").commit
    with pytest.raises(UsageError, match="no commit"):
        find_target(GITHUB, None, None, project="wine")


def test_a_forge_without_a_repository_is_refused(work: Work) -> None:
    """The remedy names the key."""
    with pytest.raises(UsageError, match=r"forge\.repository"):
        find_target(ForgeSpec(kind=ForgeKind.GITEA, url="https://x"), None, work.repository(), project="wine")


def test_a_merge_that_ci_made_stands_for_the_commit_that_was_pushed(work: Work) -> None:
    """Jenkins checks out a merge that the forge has never seen: no check can be put on it."""
    work.git("checkout", "--quiet", "-b", "feature")
    pushed = work.commit({"app.py": "two\n"})
    work.git("checkout", "--quiet", "main")
    work.commit({"other.py": "three\n"})
    work.git("merge", "--quiet", "--no-edit", "feature")
    forge = MemoryForge()
    forge.open_pull("cellar/wine", 7, head=pushed)
    target = find_target(GITHUB, None, work.repository(), project="wine", pull=7)

    assert pushed == pushed_commit(target, forge, work.repository().git)
    forge.push("cellar/wine", 7, "b00b1e5")
    assert target.commit == pushed_commit(target, forge, work.repository().git)


def test_the_remote_is_read_from_git(work: Work) -> None:
    """None is no error."""
    git = work.repository().git
    assert "" == origin(git)
    work.git("remote", "add", "origin", "https://github.com/cellar/wine.git")
    assert "https://github.com/cellar/wine.git" == origin(git)


def test_a_claim_is_left_beside_the_reports(tmp_path: Path) -> None:
    """Where CI tells the pull request."""
    write_claim(tmp_path, None)
    assert read_claim(tmp_path) is None
    write_claim(tmp_path, PLACE)
    assert Claim(number=7, commit="c0ffee") == read_claim(tmp_path)


@pytest.mark.parametrize(
    "left", [b"", b"[]", b'{"number": "7"}', b'{"number": -1, "commit": "c"}', b"\xff", b"{" * 9999]
)
def test_a_claim_that_makes_no_sense_is_none(tmp_path: Path, left: bytes) -> None:
    """A stranger wrote it."""
    (tmp_path / "pull.json").write_bytes(left)
    assert read_claim(tmp_path) is None


def test_a_claim_holds_only_for_the_pull_requests_newest_commit() -> None:
    """A fork's report can't be put on somebody else's pull request."""
    forge = MemoryForge()
    forge.open_pull("cellar/wine", 7, head="c0ffee")
    forge.open_pull("cellar/wine", 8, head="b00b1e5")
    check_claim(PublishTarget(repository="cellar/wine", commit="c0ffee", project="wine", number=7), forge)
    check_claim(PublishTarget(repository="cellar/wine", commit="c0ffee", project="wine"), forge)
    with pytest.raises(UsageError, match="newest commit of pull request 8"):
        check_claim(PublishTarget(repository="cellar/wine", commit="c0ffee", project="wine", number=8), forge)
