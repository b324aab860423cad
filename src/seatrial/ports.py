"""The ports: what the rooms need from the world, as Protocols.

One contract suite per port (`tests/contract/`) runs on the shipped fake, the embedded default and every real adapter.
Only `wiring` knows which adapter stands behind a port.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from seatrial.records import (
    AccessLine,
    Books,
    Check,
    Evidence,
    ForgeLimits,
    InForce,
    LedgerEntry,
    Limits,
    ModelSummary,
    ModelVersion,
    Move,
    Notice,
    Permission,
    PostedComment,
    ProxyStatus,
    PullRequest,
    Resources,
    Routing,
    UsagePoint,
    VersionDraft,
    Window,
)


class Clock(Protocol):
    """Time. Nothing inside asks the system directly."""

    def now(self) -> datetime:
        """The wall clock, timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One process to start.

    Attributes:
        run: mark of the trial, unique on this machine; leftovers are found by it.
        cell: unique within the run.
        command: run through no shell; `$PORT` and other `$NAME`s of `env` in it are already filled in.
        cwd: working directory.
        env: the whole environment.
        port: loopback port that it must listen on.
        log: file that gets its standard output and error.
        resources: limits to enforce where this machine can.
    """

    run: str
    cell: str
    command: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    port: int
    log: Path
    resources: Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """`running` is False once it has ended; then `exit_status` is set (negative: by that signal). `note` says more: `out of memory`.

    Of an adopted instance the exit status stays None: only the parent of a process is told.
    """

    running: bool
    exit_status: int | None = None
    note: str = ""


class Instance(Protocol):
    """One started deployment."""

    @property
    def limits(self) -> Limits:
        """What is enforced and what is not."""
        ...

    @property
    def usage_source(self) -> str:
        """How `usage` is read: `cgroup v1`, `cgroup v2` or `psutil`."""
        ...

    def status(self) -> Status:
        """Whether it runs, or how it ended."""
        ...

    def usage(self) -> UsagePoint | None:
        """Usage of the whole process tree now; None once it has ended."""
        ...

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of its log, safe to show: at most 8 KiB, undecodable bytes replaced, secrets of its environment masked."""
        ...

    def stop(self, grace: float = 5.0) -> None:
        """End the whole process tree: SIGTERM, then SIGKILL after `grace` seconds. Safe to call twice."""
        ...


class Runtime(Protocol):
    """Starts deployments and stops them, also those that a crashed run left behind."""

    def start(self, launch: Launch) -> Instance:
        """Start one. Raises PermanentError if the command can't be started at all."""
        ...

    def adopt(self, launch: Launch) -> Instance | None:
        """Take over what an earlier seatrial, which is gone, started with the same run and cell.

        None if it no longer runs; whatever was left of it then has been stopped. Of the launch, run, cell, port, log and
        resources matter; command, folder and environment are as they were.
        """
        ...

    def free_port(self) -> int:
        """A loopback port that nothing listens on, and that isn't given out twice in a row."""
        ...

    def sweep(self, run: str) -> int:
        """Stop everything that run `run` left behind (kill -9 of seatrial); how many processes were stopped."""
        ...

    def describe(self) -> Mapping[str, str]:
        """What this runtime can do here, for `seatrial doctor`."""
        ...


class Store(Protocol):
    """Artifacts by digest (`sha256:…`). The same bytes are stored once; a digest never changes its meaning.

    Safe to use from many threads.
    """

    def put(self, data: bytes) -> str:
        """Store bytes, return their digest."""
        ...

    def put_file(self, path: Path) -> str:
        """Store a file's bytes, return their digest."""
        ...

    def get(self, digest: str) -> bytes:
        """The bytes. Raises PermanentError if there are none or if they no longer match."""
        ...

    def has(self, digest: str) -> bool:
        """Whether it is there."""
        ...

    def get_file(self, digest: str, path: Path) -> None:
        """Write the bytes to `path`, which must not exist, without holding them in memory.

        Raises PermanentError if there are none or if they no longer match; then there is no file at `path`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object and its stamp, which changes with its bytes."""

    data: bytes
    stamp: str


class Objects(Protocol):
    """Objects by key, for layouts that others read: the same key may get other bytes.

    A key is parts between slashes, each of letters, digits and `._%@+=-` and not beginning with a dot; another raises
    PermanentError, so that no key leads out of the place. What is written is seen by the next reading, whole. Safe to use
    from many threads and processes.
    """

    def get(self, key: str) -> StoredObject | None:
        """The object; None if there is none."""
        ...

    def keys(self, below: str) -> Sequence[str]:
        """The keys that begin with `below/`, sorted."""
        ...

    def put(self, key: str, data: bytes, *, content_type: str = "") -> None:
        """Write it, whatever is there. The type is what browsers are told, where the place keeps such a thing."""
        ...

    def replace(self, key: str, data: bytes, *, instead: str | None) -> bool:
        """Write it if what is there has the stamp `instead` (None: if nothing is there); whether it was written.

        Some servers with S3's protocol know no conditions and write always (rclone, older Ceph): whoever must lose nothing
        looks again afterwards.
        """
        ...


class Registry(Protocol):
    """Versions of models, the stages that they hold, and the ledger of every move.

    The adapter is opened with the project's `StageRules` and carries out or refuses a move as one transaction, by
    `seatrial.registry.moves.decide`.
    """

    def register(self, draft: VersionDraft, path: Path) -> ModelVersion:
        """Store the file or folder at `path` and give it the model's next number; a line in the ledger tells.

        The same bytes are stored once, and registering them again makes a further version of them. Raises UsageError
        for a path that is not there, a parent that is not, or a name that can't be one.
        """
        ...

    def models(self) -> Sequence[ModelSummary]:
        """All models, by name."""
        ...

    def versions(self, model: str, *, limit: int | None = None) -> Sequence[ModelVersion]:
        """A model's versions, newest first. Raises UsageError if there is no such model."""
        ...

    def version(self, model: str, number: int) -> ModelVersion:
        """One version. Raises UsageError that says which there are."""
        ...

    def holders(self, model: str, stage: str) -> Sequence[ModelVersion]:
        """The versions of a model that hold a stage, oldest first. Raises UsageError for an unknown model or stage."""
        ...

    def tag(self, model: str, number: int, tags: Mapping[str, str | None]) -> ModelVersion:
        """Set tags, remove those whose value is None, leave the rest; the version as it is then."""
        ...

    def keep(self, evidence: Evidence) -> None:
        """Keep what a promotion run found. The same again changes nothing; other findings of that run are refused."""
        ...

    def evidence(self, run: str) -> Evidence | None:
        """What a promotion run found; None if nothing was kept."""
        ...

    def move(self, move: Move) -> Sequence[LedgerEntry]:
        """Carry out a move with everything that goes with it, or nothing of it; the lines that the ledger got.

        Those of displaced versions come first, that of the move itself is the last. None where the version holds the
        stage already.

        Raises UsageError with the reason and the remedy if the rules refuse it, also where `expected` no longer holds.
        """
        ...

    def ledger(
        self, model: str | None = None, *, number: int | None = None, before: datetime | None = None
    ) -> Sequence[LedgerEntry]:
        """The ledger's lines in their order: of everything, of a model or of one version, up to and including `before`."""
        ...

    def books(self) -> Books:
        """Everything that the ledger is verified against (`seatrial.registry.ledger.verify`), as of one moment."""
        ...

    def fetch(self, version: ModelVersion, folder: Path) -> Path:
        """Put the version's files below `folder` (which is made) under the artifact's name; that path.

        Raises PermanentError if they no longer match their digest; nothing of them is then at that path.
        """
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


class Notify(Protocol):
    """Brings a notice to one receiver."""

    def send(self, notice: Notice) -> None:
        """Send it. Raises TemporaryError if a retry may help, PermanentError if not; neither shows the URL's secrets."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a folder of a CodeTarget holds.

    Attributes:
        listing: what seatrial wrote into it and is still there, digest by path. The digest is empty where somebody has
            changed the file since, and where the writing was cut short.
        strangers: the other files in it, by the names that the target has for them.
        commits: of which commit it is, as noted last; several where syncs noted theirs at the same time, none where
            nothing was noted yet.
    """

    listing: Mapping[str, str] = field(default_factory=dict)
    strangers: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()


class CodeTarget(Protocol):
    """A place that code is copied to, below one folder at a time. Paths are relative, with forward slashes.

    Any number of processes may work on one folder. None of them forgets a file that another one wrote: whatever was
    written, also by one that was killed, is in the next `holding`.
    """

    @property
    def largest(self) -> int | None:
        """Bytes of the largest file that it takes; None without a limit."""
        ...

    def stored_as(self, path: str, data: bytes) -> str:
        """The name that it gives a file: the path, except for what becomes another kind of thing (a notebook) there."""
        ...

    def holding(self, folder: str) -> Holding:
        """What `folder` holds; nothing if there is no such folder."""
        ...

    def write(self, folder: str, files: Mapping[str, bytes], *, executable: Collection[str] = ()) -> None:
        """Make these files, or replace them; those in `executable` with that permission, where the target has it."""
        ...

    def remove(self, folder: str, paths: Sequence[str]) -> None:
        """Remove these files and the folders that are empty then."""
        ...

    def commit(self, folder: str, listing: Mapping[str, str], commit: str) -> None:
        """Note what `folder` holds now (digest by path) and of which commit; called once everything else is done."""
        ...

    def folders(self, above: str) -> Sequence[str]:
        """The names of the folders directly below `above` that seatrial wrote (one a branch)."""
        ...

    def drop(self, folder: str) -> None:
        """Remove a folder that seatrial wrote, with everything in it. Raises UsageError if seatrial did not write it."""
        ...


class Traffic(Protocol):
    """The proxy before the services: which requests go where.

    What it was asked for it keeps on disk, so that it goes on with it after seatrial or the proxy was killed. Safe to use
    from many threads of one process.
    """

    def keep(self) -> ProxyStatus:
        """Start the proxy if it does not run, or take over the one that an earlier seatrial started; how it is.

        Called again and again. Raises PermanentError if it can't be started: no binary, the address is taken.
        """
        ...

    def status(self) -> ProxyStatus:
        """How the proxy is, without starting it."""
        ...

    def stop(self) -> None:
        """End the proxy after the requests that it holds; what it was asked for stays on disk."""
        ...

    def apply(self, routing: Routing) -> None:
        """Do this with a service's requests; in force when it returns, and no request is lost by it.

        An endpoint that is no longer named gets nothing new from then on. The same again changes nothing.
        Raises TemporaryError if the proxy does not run or does not confirm in time: what was asked for is kept, and comes
        into force once it does. Raises UsageError for what this proxy can't do (HAProxy has no mirror).
        """
        ...

    def remove(self, service: str) -> None:
        """Answer for a service no more; nothing if it isn't there."""
        ...

    def wanted(self) -> Sequence[Routing]:
        """What it was last asked for, by service."""
        ...

    def read(self, service: str) -> InForce | None:
        """What the running proxy itself says that it does; None if it knows no such service.

        Raises TemporaryError if the proxy does not run or answer.
        """
        ...

    def pending(self, service: str, endpoints: Collection[str]) -> int:
        """How many requests these endpoints of a service still have to answer."""
        ...

    def log_files(self) -> Sequence[Path]:
        """The access log, the oldest file first; lines are whole where they end in a line break."""
        ...

    def rotate_log(self) -> Path | None:
        """Begin a new file of the access log without losing a line; the one that is now complete, None if it was empty."""
        ...

    def read_line(self, line: bytes) -> AccessLine | None:
        """A line of the access log as a record; None for a line that is not about a service's request."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Whose requests are meant: a service, and which versions its arms are, by their names in logs and metrics.

    Attributes:
        release: id of the release; first-seen users are counted from its begin.
        seconds: length of a window; windows begin at whole multiples of it since 1970.
        quality: names of the model metrics (`rmse`, `mae`, `error_rate`) that are wanted, as far as labels come in.
    """

    service: str
    stable: str
    canary: str
    release: str
    begun: datetime
    seconds: float = 10.0
    quality: tuple[str, ...] = ()


class Metrics(Protocol):
    """What is known of both arms, window by window."""

    def windows(self, watched: Watched, since: datetime, until: datetime) -> Sequence[Window]:
        """The windows that begin at `since` or later and are complete by `until`: in order, without gaps.

        A window without requests is one with zeros. `weight` and `steady` are the caller's to fill in. Called with `since`
        as the end of the last window that was got; the same again gives the same. Raises TemporaryError if the source does
        not answer: nothing is lost by asking later.
        """
        ...


class Query(Protocol):
    """A system that answers questions in a language of its own (PromQL)."""

    def value(self, query: str, at: datetime) -> float | None:
        """The figure of that moment; None if there are no data or the answer is no finite number.

        Raises UsageError if the question is wrong or has several answers, TemporaryError if the system does not answer.
        """
        ...


class Forge(Protocol):
    """Where changes are talked about: pull requests, their comments, and the checks of their commits.

    Safe to use from many threads. What a retry may mend (5xx, time-outs, rate limits with a bearable wait) the adapter has
    tried again before it raises. Every call raises TemporaryError if the forge does not answer or its rate limit is spent
    for long; PermanentError if the token lacks a right, with the permission's name and what grants it as the remedy, or if
    there is no such repository, pull request or comment (then `where` names it). No message holds the token.
    """

    @property
    def limits(self) -> ForgeLimits:
        """What it takes at most."""
        ...

    def pull(self, repository: str, number: int) -> PullRequest:
        """A pull request as it is now."""
        ...

    def comments(self, repository: str, number: int) -> Sequence[PostedComment]:
        """All comments of a pull request, through all pages, the oldest first; remarks on lines of code are none."""
        ...

    def create_comment(self, repository: str, number: int, body: str) -> PostedComment:
        """Add a comment."""
        ...

    def edit_comment(self, repository: str, number: int, comment: str, body: str) -> PostedComment:
        """Replace the text of a comment, by its id."""
        ...

    def delete_comment(self, repository: str, number: int, comment: str) -> None:
        """Remove a comment, by its id; one that is gone already is no error."""
        ...

    def acknowledge(self, repository: str, number: int, comment: str) -> None:
        """Show who wrote a comment that it was read: a reaction (eyes) on it, where the forge has those."""
        ...

    def set_check(self, check: Check) -> None:
        """Make the commit's check of this name as said; setting the same again changes nothing.

        A forge or token without checks takes a commit status of the same name, title and URL.
        """
        ...

    def permission(self, repository: str, account: str) -> Permission:
        """What an account may do in a repository; `none` for one that is not known there."""
        ...

    def clone_url(self, repository: str) -> str:
        """URL to fetch from with git, without a token in it."""
        ...

    def fetch_ref(self, number: int) -> str:
        """Git's name of a pull request's newest commit in the repository that it was opened in (`refs/pull/7/head`)."""
        ...

    def git_header(self, repository: str) -> str:
        """The HTTP header that lets git fetch a repository (`Authorization: Basic …`), a secret; empty where none is needed.

        It may end within minutes: ask for it right before it is used.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBatch:
    """Events of one partition in their order, as columns: all sequences are of the same length.

    Attributes:
        partition: of Kafka `TOPIC/0`; of a folder the file's name.
        offsets: of each event; they grow, and may have gaps (compaction, transactions).
        values: the lines, without their line break.
        times: when each was written to the stream, milliseconds since 1970; -1 where that is not known.
        keys: None where there is none; empty for a stream without keys.
        following: offset from which the partition is read on after these.
    """

    partition: str
    offsets: Sequence[int]
    values: Sequence[bytes]
    times: Sequence[int]
    following: int
    keys: Sequence[bytes | None] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LostEvents:
    """Offsets from `start` to `end` that were wanted and that the stream has no more (retention, records deleted)."""

    partition: str
    start: int
    end: int


class StreamReading(Protocol):
    """A stream while it is read, by one thread."""

    def poll(self, seconds: float, most: int = 10_000) -> Sequence[EventBatch]:
        """What has come, at most `most` events; waits at most `seconds` for the first of them.

        Raises TemporaryError if the stream does not answer for long (a broker that restarts is waited for), PermanentError if
        it never will: no such topic, no right to read it, an offset beyond its end (the topic was made anew).
        """
        ...

    def ends(self) -> Mapping[str, int]:
        """Of each partition that is read here: the offset after the last event that is there now."""
        ...

    def positions(self) -> Mapping[str, int]:
        """Of each partition that is read here: where `poll` goes on, past what is no event for anybody."""
        ...

    def taken_away(self) -> Sequence[str]:
        """Partitions that another member of the group reads now, since it was asked last: what was read of them is theirs."""
        ...

    def lost(self) -> Sequence[LostEvents]:
        """What the stream no longer had, so far."""
        ...

    def close(self) -> None:
        """Leave the stream; nothing is committed by that."""
        ...


class Stream(Protocol):
    """Events, in partitions with offsets."""

    def read(self, offsets: Mapping[str, int]) -> StreamReading:
        """Begin to read: each partition at its offset; those that are not named where the group or the settings say.

        Raises as `StreamReading.poll`.
        """
        ...

    def waiting(self, offsets: Mapping[str, int]) -> int:
        """How many events there are after these offsets, without reading them; an estimate where offsets have gaps."""
        ...

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Tell everybody else how far this group is. What counts is the dataset version, in which the same offsets are."""
        ...

    def append(self, values: Sequence[bytes], keys: Sequence[bytes | None] = ()) -> None:
        """Write events, and return when they are safe. Raises TemporaryError if they are not."""
        ...
