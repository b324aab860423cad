"""Chooses the two versions of a trial: which state is the candidate and what it is compared with.

The choice is never silent: `Version.described` says what was taken and the notes say why.
"""

import difflib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from seatrial.records import UsageError, Version
from seatrial.trial.change.git import Git, Repository, shown
from seatrial.trial.change.trees import is_own, snapshot
from seatrial.trial.change.trees import overlay as lay_over

WORKTREE: Final = "WORKTREE"
BASELINE: Final = "baseline"
CANDIDATE: Final = "candidate"
_DEEPEN: Final = (
    "fetch the history with `git fetch --unshallow` (GitHub Actions: `fetch-depth: 0`), or give `--base REV`"
)
_NAME_BASE: Final = "name what to compare with: `--base REV`, or `base:` or `overlay:` in seatrial.yaml"


@dataclass(frozen=True, slots=True)
class Choice:
    """A version and the notes on why it was chosen."""

    version: Version
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """The repository's default branch: its name for people and the commit at its tip."""

    name: str
    commit: str


def choose_candidate(repository: Repository, head: str | None) -> Choice:
    """The candidate: the revision `head`, or the working tree where it is None or `WORKTREE`.

    Raises:
        UsageError: there is no such revision, or git can't read the working tree.
    """
    if head is None or head == WORKTREE:
        return working_tree(repository, CANDIDATE)
    return Choice(_revision(repository, head, name=CANDIDATE, option="--head"))


def choose_baseline(
    repository: Repository, candidate: Version, *, base: str | None, config_base: str | None, overlay: str | None
) -> Choice:
    """The baseline: `--base`, else the configuration's `base`, else its `overlay`, else what history suggests.

    Raises:
        UsageError: what was named doesn't exist, or nothing was named and history suggests nothing.
    """
    if base:
        return _named(repository, candidate, base, option="--base")
    if config_base:
        return _named(repository, candidate, config_base, option="base in seatrial.yaml")
    if overlay:
        return _overlaid(repository, candidate, overlay)
    return _from_history(repository, candidate)


def working_tree(repository: Repository, name: str, *, without: Sequence[str] = ()) -> Choice:
    """The files as they are now, but for those of `without` (counted from the project), which stay as git has them.

    Raises:
        UsageError: git can't read the working tree.
    """
    commit, clean_tree = repository.git.resolve("HEAD^{commit}", "HEAD^{tree}")
    tree = snapshot(repository, without=without)
    dirty = _dirty(repository, clean_tree, tree)
    state = (
        "no commit yet" if commit is None else f"uncommitted changes on {_short(commit)}" if dirty else _short(commit)
    )
    version = Version(name=name, tree=tree, commit=commit, described=f"working tree ({state})", dirty=dirty)
    return Choice(version, _notes_on_submodules(repository))


def _dirty(repository: Repository, clean: str | None, tree: str) -> bool:
    """Whether a snapshot holds anything that the commit's tree does not; a missing `.seatrial` is no difference."""
    if clean is None or clean == tree:
        return clean is None
    return any(not is_own(each.path) for each in repository.git.differences(clean, tree))


def _notes_on_submodules(repository: Repository) -> tuple[str, ...]:
    if not (repository.top / ".gitmodules").exists():
        return ()
    args = ("status", "--porcelain=v2", "-z", "--untracked-files=no", "--ignore-submodules=none", "--no-renames")
    lines = (line.split(" ", 8) for line in repository.git.run(*args).text.split("\0"))
    # The third field of a submodule is S<commit><modified><untracked>, each a letter or a dot.
    changed = [parts[8] for parts in lines if len(parts) == 9 and re.fullmatch(r"S.(M.|.U)", parts[2])]  # noqa: PLR2004
    return tuple(
        f"uncommitted changes inside the submodule {shown(path)} are not part of the trial; commit them there first"
        for path in changed
    )


def _revision(repository: Repository, revision: str, *, name: str, option: str) -> Version:
    """The version of a commit, tag or branch, or of a bare tree id (as reports of earlier trials name them)."""
    commit, tree = repository.git.resolve(f"{revision}^{{commit}}", f"{revision}^{{tree}}")
    if tree is None or not revision.strip():
        raise _unknown(repository, revision, option)
    if commit is None:
        return Version(name=name, tree=tree, described=f"tree {_short(tree)}")
    short = _short(commit)
    described = short if commit.startswith(revision) else f"{shown(revision)} ({short})"
    return Version(name=name, tree=tree, commit=commit, described=described)


def _unknown(repository: Repository, revision: str, option: str) -> UsageError:
    remedy = "list what there is with `git branch --all` and `git tag`"
    near = _nearest(repository.git, revision)
    if near:
        remedy = f"did you mean {near!r}?"
    elif repository.shallow:
        remedy = _DEEPEN
    elif os.path.isdir(repository.top / repository.project / revision):  # noqa: PTH112 - takes any text
        remedy = f"to compare with a folder's files, write `overlay: {shown(revision)}` in seatrial.yaml"
    return UsageError(f"there is no revision {shown(revision)!r} in this repository", where=option, remedy=remedy)


def _nearest(git: Git, revision: str) -> str | None:
    refs = git.run("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes").text
    names = [name for name in refs.split("\n") if name]
    # A branch that only the remote has is the likeliest slip of all.
    of_remote = [name for name in names if name.endswith(f"/{revision}")]
    close = of_remote or difflib.get_close_matches(revision, names, n=1, cutoff=0.6)
    return shown(close[0]) if close else None


def _named(repository: Repository, candidate: Version, base: str, *, option: str) -> Choice:
    if re.match(r"https?://", base, re.IGNORECASE):
        return Choice(
            Version(name=BASELINE, url=_checked_url(base, option), described=base),
            ("the baseline already runs, so which files changed since it was built is not known",),
        )
    if base == WORKTREE:
        return working_tree(repository, BASELINE)
    version = _revision(repository, base, name=BASELINE, option=option)
    return Choice(version, _note_on_ancestry(repository, version, candidate))


def _checked_url(url: str, option: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host = None
    if not host:
        raise UsageError("this is not a complete URL", where=option, remedy="write it as http://127.0.0.1:9000")
    if parts.username or parts.password:
        raise UsageError(
            "the URL holds a user name or password, which would be shown in every report",
            where=option,
            remedy="leave it out and send credentials with `requests: {headers: …}`",
        )
    return url


def _note_on_ancestry(repository: Repository, base: Version, candidate: Version) -> tuple[str, ...]:
    if base.commit is None or candidate.commit is None or base.commit == candidate.commit:
        return ()
    contained = repository.git.attempt("merge-base", "--is-ancestor", base.commit, candidate.commit)
    if contained.status == 0:
        return ()
    note = (
        f"the baseline {base.described} has commits that the candidate has not, and they count as changes too; "
        "leave the base out to compare with the merge-base"
    )
    return (note,)


def _overlaid(repository: Repository, candidate: Version, folder: str) -> Choice:
    if candidate.tree is None:
        raise UsageError("an overlay needs a candidate with files", where="overlay", remedy=_NAME_BASE)
    clean = folder.rstrip("/")
    tree = lay_over(repository, candidate.tree, clean)
    version = Version(name=BASELINE, tree=tree, described=f"overlay {shown(clean)}/", dirty=candidate.dirty)
    return Choice(version, (f"the baseline is the candidate with the files of {shown(clean)}/ laid over it",))


def _from_history(repository: Repository, candidate: Version) -> Choice:
    """The merge-base with the default branch, or the last commit's parent where the candidate is on that branch."""
    head = candidate.commit
    if head is None:
        what = "there is no commit yet" if candidate.dirty else "the candidate is no commit"
        raise UsageError(f"{what}, so there is nothing to compare with", where="--base", remedy=_NAME_BASE)
    branch = default_branch(repository)
    fork = _merge_base(repository, head, branch)
    if fork != head:
        described = f"merge-base with {branch.name} ({_short(fork)})"
        return _chosen(repository, fork, described, f"the baseline is where the candidate left {branch.name}")
    if candidate.dirty:
        described = f"HEAD ({_short(head)})"
        reason = f"the last commit is on {branch.name}, so the baseline is that commit without the uncommitted changes"
        return _chosen(repository, head, described, reason)
    parent = _parent(repository, head)
    reason = f"the candidate is on {branch.name} and nothing is uncommitted, so the baseline is its parent commit"
    return _chosen(repository, parent, f"parent of {_short(head)} ({_short(parent)})", reason)


def _chosen(repository: Repository, commit: str, described: str, reason: str) -> Choice:
    tree = repository.git.resolve(f"{commit}^{{tree}}")[0]
    return Choice(Version(name=BASELINE, tree=tree, commit=commit, described=described), (reason,))


def default_branch(repository: Repository) -> Branch:
    """The branch that changes are merged into: origin's, else `main`, `master` or what `init.defaultBranch` names.

    Raises:
        UsageError: there is none of these.
    """
    git = repository.git
    found = _first_ref(git, ["refs/remotes/origin/HEAD", *_places("main"), *_places("master")])
    if found is None:
        configured = git.attempt("config", "--get", "init.defaultBranch")
        found = _first_ref(git, _places(configured.text)) if configured.status == 0 else None
    if found is None:
        raise UsageError(
            "no default branch was found (origin/HEAD, main, master)",
            where="--base",
            remedy=_DEEPEN if repository.shallow else f"{_NAME_BASE}; or run `git remote set-head origin --auto`",
        )
    reference, commit = found
    if reference == "refs/remotes/origin/HEAD":
        reference = git.attempt("symbolic-ref", reference).text or reference
    return Branch(shown(re.sub("^refs/(heads|remotes)/", "", reference)), commit)


def _places(branch: str) -> list[str]:
    return [f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"]


def _first_ref(git: Git, references: list[str]) -> tuple[str, str] | None:
    commits = git.resolve(*(f"{reference}^{{commit}}" for reference in references))
    return next(((ref, commit) for ref, commit in zip(references, commits, strict=True) if commit), None)


def _merge_base(repository: Repository, head: str, branch: Branch) -> str:
    found = repository.git.attempt("merge-base", head, branch.commit)
    if found.status == 0:
        return found.text
    raise UsageError(
        f"the candidate and {branch.name} have no commit in common"
        + (", because this clone's history is cut off" if repository.shallow else ""),
        where="--base",
        remedy=_DEEPEN if repository.shallow else _NAME_BASE,
    )


def _parent(repository: Repository, commit: str) -> str:
    parent = repository.git.resolve(f"{commit}^1^{{commit}}")[0]
    if parent is not None:
        return parent
    if repository.shallow:
        raise UsageError(
            "the parent of the last commit isn't here, because this clone's history is cut off",
            where="--base",
            remedy=_DEEPEN,
        )
    raise UsageError("this is the first commit, so there is nothing to compare with", where="--base", remedy=_NAME_BASE)


def _short(oid: str) -> str:
    return oid[:7]
