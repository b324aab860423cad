"""What git says when it refuses, and what the user can do about it."""

import re
from typing import Final

from seatrial.records import PermanentError, SeatrialError, TemporaryError, UsageError

_EXPLANATIONS: Final[tuple[tuple[str, type[SeatrialError], str, str], ...]] = (
    (
        r"dubious ownership|unsafe repository",
        UsageError,
        "git refuses this repository because another user owns it",
        "git config --global --add safe.directory {place}",
    ),
    (
        r"must be run in a work tree",
        UsageError,
        "this is a bare repository or git's own folder, which holds no files to try",
        "run in a clone or a worktree of it: `git worktree add ../work`",
    ),
    (
        r"not a git repository",
        UsageError,
        "this is not a git repository, so there are no two versions to compare",
        "run `git init && git add -A && git commit -m first` there, or give the folder of a clone",
    ),
    (
        r"(clean|smudge|process)?.*filter '?[^']*'? failed|git-lfs: (command )?not found",
        UsageError,
        "a filter that this repository's .gitattributes asks for failed (git-lfs, git-crypt…)",
        "install the filter's program and run `git status` until it is quiet",
    ),
    (
        r"does not have a commit checked out",
        UsageError,
        "a folder in the working tree is a git repository without any commit, which git can't include",
        "commit in that folder, remove it, or name it in .gitignore",
    ),
    (
        r"unable to index file|could not open directory|insufficient permission|Permission denied",
        UsageError,
        "git may not read or write a file of this repository",
        "mend its permissions or name it in .gitignore; `git add -A --dry-run` tells which",
    ),
    (r"No space left on device", PermanentError, "the disk is full", "free some space and run again"),
    (
        r"\.lock': File exists|another git process|failed to read .*(commondir|gitdir|HEAD)",
        TemporaryError,
        "another git process holds a lock in this repository",
        "wait for it and run again; if none runs, remove the lock file that `git status` names",
    ),
    (r"Too many open files|Cannot allocate memory", TemporaryError, "git ran out of resources", "run again"),
)


def explain(message: str, *, where: str, action: str) -> SeatrialError:
    """The error that says in our words what git's `message` means and what to do about it."""
    for pattern, kind, what, remedy in _EXPLANATIONS:
        if re.search(pattern, message):
            return kind(what, where=where, remedy=remedy.format(place=where))
    lines = [line for line in message.splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[0] if lines else "no message")
    return PermanentError(f"git {action} failed: {told[:500]}", where=where)
