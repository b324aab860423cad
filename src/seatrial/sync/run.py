"""The story of one sync: find the ref and its folder, read the code, copy it, remove the folders of deleted branches."""

from dataclasses import dataclass

from seatrial.records import SyncResult
from seatrial.sync.branches import all_branches
from seatrial.sync.copying import copy_code, preview
from seatrial.sync.files import read_code
from seatrial.sync.names import branch_of, branches_above, folder_of
from seatrial.sync.plan import check_names, check_sizes
from seatrial.sync.refs import Ref, find_ref
from seatrial.sync.tools import SyncTools


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """What somebody wants copied.

    Attributes:
        ref: branch, tag or commit; None for what is checked out.
        branch: whose folder it is; None to find out.
        prune: whether the folders of branches that are gone are removed too.
        dry_run: look only.
    """

    ref: str | None = None
    branch: str | None = None
    prune: bool = False
    dry_run: bool = False


def run_sync(tools: SyncTools, request: SyncRequest) -> SyncResult:
    """Make the branch's folder hold what the ref has, and remove the folders of deleted branches if that is asked for.

    Raises:
        UsageError: the ref, the configuration or what is in the folder forbids it; nothing was written.
        TemporaryError: the target or a remote does not answer, or other syncs keep writing the same folder.
        PermanentError: the target refuses.
    """
    ref = find_ref(tools.repository, request.ref, branch=request.branch, environ=tools.environ)
    folder = folder_of(tools.spec.folder, project=tools.project, branch=ref.branch)
    going = _going(tools, ref) if request.prune else ()
    code = read_code(tools.repository, ref.tree, tools.spec.paths, tools.target.stored_as)
    check_names(code.stored)
    check_sizes({path: file.size for path, file in code.files.items()}, tools.target.largest)
    if request.dry_run:
        copied = preview(tools.target, folder, code)
    else:
        copied = copy_code(tools.target, folder, code, ref.commit, tools.clock)
        for gone in going:
            tools.target.drop(gone)
    return SyncResult(
        folder=folder,
        commit=ref.commit,
        branch=ref.branch,
        written=tuple(sorted(copied.written)),
        removed=tuple(sorted(copied.removed)),
        unchanged=copied.unchanged,
        pruned=going,
        notes=(*code.notes, *copied.notes),
        dry_run=request.dry_run,
    )


def _going(tools: SyncTools, ref: Ref) -> tuple[str, ...]:
    """The folders of this project's branches that are neither here nor on a remote."""
    above = branches_above(tools.spec.folder, project=tools.project)
    found = tools.target.folders(above)
    kept = {ref.branch, *all_branches(tools.repository)}
    return tuple(f"{above}/{name}" for name in found if (branch := branch_of(name)) is not None and branch not in kept)
