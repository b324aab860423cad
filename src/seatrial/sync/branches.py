"""Which branches there are, asked in a way that a clone which knows only some of them can't get wrong.

Folders of branches that are gone are removed with everything in them, so that doubt means: remove nothing. The remotes
are asked themselves (a clone of continuous integration often knows one branch only), all of them have to answer, and
what this clone has beside that counts too.
"""

from typing import Final

from seatrial.logs import redact, shown_text
from seatrial.records import TemporaryError, UsageError
from seatrial.trial.change.git import Repository, decode, shown

# A remote that is there but says nothing must not hang the job.
_PATIENCE: Final = {"http.lowSpeedLimit": "1", "http.lowSpeedTime": "30"}
_LONGEST: Final = 300


def all_branches(repository: Repository) -> frozenset[str]:
    """The names of all branches and tags, on the remotes and here.

    Raises:
        TemporaryError: a remote does not answer.
        UsageError: there is no remote, and this clone may not know all branches.
    """
    here = _names(decode(repository.git.run("for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags").out))
    remotes = [name for name in repository.git.run("remote").text.split("\n") if name]
    if not remotes:
        _must_be_whole(repository, here)
        return here
    return here.union(*(_of_remote(repository, remote) for remote in remotes))


def _of_remote(repository: Repository, remote: str) -> frozenset[str]:
    answer = repository.git.attempt("ls-remote", "--heads", "--tags", "--refs", remote, settings=_PATIENCE)
    if answer.status != 0:
        raise TemporaryError(
            f"the remote {shown(remote)} does not say which branches it has: {redact(shown_text(answer.err, _LONGEST))}",
            where="seatrial sync --prune",
            remedy="give this job access to the remote, or remove it with `git remote remove`; no folder was removed",
        )
    lines = [line.partition("\t")[2] for line in decode(answer.out).split("\n")]
    names = _names("\n".join(lines))
    if not names:
        raise UsageError(
            f"the remote {shown(remote)} has no branch at all",
            where="seatrial sync --prune",
            remedy="check its address with `git remote -v`; no folder was removed",
        )
    return names


def _must_be_whole(repository: Repository, here: frozenset[str]) -> None:
    """Raise UsageError unless this is a repository of its own: one with branches, none of them cut off."""
    on_branch = repository.git.attempt("symbolic-ref", "--quiet", "HEAD").status == 0
    if repository.shallow or not on_branch or not here:
        raise UsageError(
            "this clone has no remote to ask, and it may not know all branches",
            where="seatrial sync --prune",
            remedy="add the remote with `git remote add origin URL`; no folder was removed",
        )


def _names(references: str) -> frozenset[str]:
    """The branches' and tags' own names, from whole ones, a line each."""
    prefixes = ("refs/heads/", "refs/tags/")
    return frozenset(
        line.removeprefix(prefix) for line in references.split("\n") for prefix in prefixes if line.startswith(prefix)
    )
