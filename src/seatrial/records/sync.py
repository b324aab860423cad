"""Code that is copied one way, from a git ref into a workspace."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSpec:
    """Where the project's code goes.

    Attributes:
        target: a folder, `s3://bucket/prefix` or `databricks://host/path`; `${NAME}` refers to the caller's environment.
        paths: patterns (as git's) of the files that are copied, relative to the project.
        folder: below the target, with `{project}` and `{branch}` filled in.
    """

    target: str
    paths: tuple[str, ...] = ("src/**",)
    folder: str = "ml_apps/{project}/{branch}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """What one sync did, or would do.

    Attributes:
        folder: where the code is, below the target.
        commit: of the ref.
        branch: whose folder it is; a tag's name where a tag was copied.
        written, removed: paths below `folder`.
        unchanged: the target already had the ref's files, so nothing was written.
        pruned: folders of branches that are gone, removed with everything in them.
        notes: what was left out or left alone, and why.
        dry_run: nothing was done; this is what would have been.
    """

    folder: str
    commit: str
    branch: str = ""
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: bool = False
    pruned: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dry_run: bool = False
