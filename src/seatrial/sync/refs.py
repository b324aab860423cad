"""Which commit is copied, and into whose folder.

A folder belongs to a branch (or a tag), so that a bare commit is not enough. Continuous integration checks a commit out
without its branch; there the branch's name comes from the variables of the service. The build of a pull request has
none: its merge commit belongs to no branch, and the branch that its author named may carry the name of one of ours.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from seatrial.records import UsageError
from seatrial.trial.change.git import Repository, shown

_HEADS: Final = "refs/heads/"
_TAGS: Final = "refs/tags/"
_REMOTES: Final = "refs/remotes/"
# Of GitHub and Gitea, Azure; whole references.
_REFERENCES: Final = ("GITHUB_REF", "BUILD_SOURCEBRANCH")
# Of GitLab, Bitbucket, CircleCI, Jenkins with branches.
_NAMES: Final = (
    *("CI_COMMIT_BRANCH", "CI_COMMIT_TAG", "BITBUCKET_BRANCH", "BITBUCKET_TAG"),
    *("CIRCLE_BRANCH", "CIRCLE_TAG", "BRANCH_NAME"),
)
_JENKINS: Final = "GIT_BRANCH"
_PULL_REQUESTS: Final = ("CI_MERGE_REQUEST_IID", "BITBUCKET_PR_ID", "CHANGE_ID", "SYSTEM_PULLREQUEST_PULLREQUESTID")
_NAME_IT: Final = "name a branch or a tag, or say `--branch NAME` for whose folder it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """What is copied: a commit and its tree, and the branch (or tag) whose folder it belongs into."""

    branch: str
    commit: str
    tree: str


def find_ref(repository: Repository, name: str | None, *, branch: str | None, environ: Mapping[str, str]) -> Ref:
    """The ref that a command line means.

    Args:
        repository: where the project lies.
        name: a branch, a tag, a branch of a remote or a commit; None for the commit that is checked out.
        branch: whose folder it is; None to find out.
        environ: where continuous integration says what it built.

    Raises:
        UsageError: there is no such ref, or no saying whose folder it belongs into.
    """
    if name is None or name == "HEAD":
        found, owner = "HEAD", branch or _checked_out(repository, environ)
    else:
        found, short = _reference(repository, name)
        owner = branch or short
        if not owner:
            raise UsageError(f"{shown(name)} is a commit and no branch", where="seatrial sync", remedy=_NAME_IT)
    commit, tree = repository.git.resolve(f"{found}^{{commit}}", f"{found}^{{tree}}")
    if commit is None or tree is None:
        raise UsageError("there is no commit yet", where=str(repository.top), remedy="commit the code first")
    return Ref(branch=owner, commit=commit, tree=tree)


def _checked_out(repository: Repository, environ: Mapping[str, str]) -> str:
    head = repository.git.attempt("symbolic-ref", "--quiet", "HEAD").text
    if head.startswith(_HEADS):
        return head.removeprefix(_HEADS)
    if any(environ.get(name) for name in _PULL_REQUESTS) or any(
        environ.get(name, "").startswith("refs/pull/") for name in _REFERENCES
    ):
        raise UsageError(
            "this is the build of a pull request, and its commit belongs to no branch",
            where="seatrial sync",
            remedy="copy code when a branch is pushed; " + _NAME_IT,
        )
    named = next(_named_by(environ), None)
    if named is None:
        raise UsageError(
            "a commit is checked out and no branch, so there is no saying whose folder it belongs into",
            where=shown(str(repository.top)),
            remedy=_NAME_IT,
        )
    return named


def _named_by(environ: Mapping[str, str]) -> Iterator[str]:
    """What the variables of continuous integration say."""
    for variable in _REFERENCES:
        for prefix in (_HEADS, _TAGS):
            if (name := environ.get(variable, "")).startswith(prefix):
                yield name.removeprefix(prefix)
    yield from (environ[variable] for variable in _NAMES if environ.get(variable))
    if found := environ.get(_JENKINS):
        yield found.removeprefix("origin/")


def _reference(repository: Repository, name: str) -> tuple[str, str]:
    """The whole name of a reference, and the branch's or tag's own; of a commit its id and nothing."""
    remotes = [remote for remote in repository.git.run("remote").text.split("\n") if remote]
    candidates = {
        name: _own_name(name, remotes),
        f"{_HEADS}{name}": name,
        **{f"{_REMOTES}{remote}/{name}": name for remote in remotes},
        f"{_REMOTES}{name}": _own_name(f"{_REMOTES}{name}", remotes),
        f"{_TAGS}{name}": name,
    }
    whole = {full: short for full, short in candidates.items() if short and full.startswith("refs/")}
    found = repository.git.resolve(*(f"{full}^{{commit}}" for full in whole))
    for (full, short), commit in zip(whole.items(), found, strict=True):
        if commit:
            return full, short
    return _commit(repository, name), ""


def _own_name(full: str, remotes: list[str]) -> str:
    """The branch's or tag's name in a whole name; empty if this is none."""
    prefixes = (_HEADS, _TAGS, *(f"{_REMOTES}{remote}/" for remote in remotes))
    return next((full.removeprefix(prefix) for prefix in prefixes if full.startswith(prefix)), "")


def _commit(repository: Repository, name: str) -> str:
    found = repository.git.resolve(f"{name}^{{commit}}")[0]
    if found is None:
        raise UsageError(
            f"there is no branch {shown(name)!r} in this clone",
            where="seatrial sync",
            remedy="fetch it; if it was deleted, `seatrial sync --prune` removes its folder",
        )
    return found
