"""`seatrial judge`: the judge of releases by itself, for windows from anywhere, for past releases, and over HTTP."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from seatrial.cli.options import Form, Project
from seatrial.cli.output import Format, print_grid, print_json, print_sentences, print_warnings

app = typer.Typer(
    help="The judge of releases by itself: over windows in a file, over past releases, and over HTTP.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

PAUSED_OR_OPEN = 3
TOKEN = "SEATRIAL_JUDGE_TOKEN"  # noqa: S105 - the variable's name
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

Policy = Annotated[Path | None, typer.Option(help="YAML or JSON with the keys below services.NAME.release.")]
Service = Annotated[str | None, typer.Option(help="Of seatrial.yaml, whose release says what holds.")]


@app.command("run")
def run(
    file: Annotated[
        str, typer.Argument(help="JSON lines, one window each; - reads standard input.", show_default=False)
    ],
    policy: Policy = None,
    service: Service = None,
    margin: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, as latency_p99=10% or errors=0.2pp; may be repeated.")
    ] = None,
    alpha: Annotated[str | None, typer.Option(help="Largest probability of aborting a harmless canary.")] = None,
    beta: Annotated[str | None, typer.Option(help="Largest probability of promoting a worse one.")] = None,
    warmup: Annotated[str | None, typer.Option(help="The canary's first time, which is left out: 10m, 0.")] = None,
    soak: Annotated[str | None, typer.Option(help="Nothing is promoted earlier: 30m.")] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="File that keeps what the judge knows between calls; seen windows are passed over."),
    ] = None,
    every: Annotated[bool, typer.Option("--every", help="Print the judgement of each window.")] = False,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Judge the windows of two arms.

    Exit code: 0 promote, 1 abort, 3 go on or pause, 2 usage, 4 something broke.
    """
    from seatrial.cli.judging import changes, opened, print_every, print_judged, rules_of
    from seatrial.records import Decision
    from seatrial.web.session import dump_session, feed, keep
    from seatrial.web.windows import read_windows

    given = changes(margin or (), alpha=alpha, beta=beta, warmup=warmup, soak=soak)
    spec = rules_of(project, policy, service, given)
    session = opened(state, spec)
    with _lines(file) as lines:
        for window in read_windows(lines, "standard input" if file == "-" else file):
            said = feed(session, window)
            if said is not None and every:
                print_every(said, form)
    if state is not None:
        keep(state, dump_session(session))
    if not every or session.last is None:
        print_judged(session, form)
    decision = Decision.CONTINUE if session.last is None else session.last.decision
    raise typer.Exit({Decision.PROMOTE: 0, Decision.ABORT: 1}.get(decision, PAUSED_OR_OPEN))


@app.command("backtest")
def backtest(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Windows as JSON lines, or a folder with windows.jsonl. [default: the project's past releases]"
        ),
    ] = None,
    policy: Annotated[
        list[Path] | None, typer.Option(help="Rules to try, in YAML or JSON; may be repeated, to compare them.")
    ] = None,
    service: Service = None,
    outcome: Annotated[
        list[str] | None,
        typer.Option(help="What they turned out to be: good or bad, or NAME=bad for one; may be repeated."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only check that the judge says again what it said, bit for bit.")
    ] = False,
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """What other rules would have done in past releases: found earlier, missed, false alarms.

    Exit code: 0; with --verify 1 where a stored judgement is not said again; 2 usage, 4 something broke.
    """
    from seatrial.cli.backtesting import backtest_grid, find_past, named_rules, score_grid, unlike, unlike_sentence
    from seatrial.judge.backtest import backtest as test

    found = find_past(project, files or (), service, outcome or ())
    if verify:
        differing = unlike(found)
        if form is Format.JSON:
            print_json({"releases": len(found), "differing": differing})
        else:
            print_sentences([*(unlike_sentence(each) for each in differing), f"{len(found)} replayed"])
        raise typer.Exit(1 if differing else 0)
    result = test([each.past for each in found], named_rules(project, policy or (), service, found))
    if form is Format.JSON:
        print_json(result)
        return
    print_grid(backtest_grid(result), "no past release is here")
    if result.releases:
        print_grid(score_grid(result))


@app.command("serve")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8090,
    prometheus: Annotated[
        list[str] | None,
        typer.Option(help="URL that requests may name as their source; may be repeated. [default: any, on loopback]"),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Folder for what is known of each release. [default: .seatrial/judge]")
    ] = None,
    forget: Annotated[str, typer.Option(help="A release that nobody asked for so long begins anew.")] = "1h",
    project: Project = Path(),
    form: Form = Format.TEXT,
) -> None:
    """Answer what the judge says over HTTP, for Argo Rollouts, Flagger and others.

    Requests have to bring the token in SEATRIAL_JUDGE_TOKEN, if there is one. Exit code: 0 stopped, 2 usage, 4 something broke.
    """
    from seatrial.cli.judging import judge_server
    from seatrial.web.judge import judge_app
    from seatrial.web.listen import listen

    token = os.environ.get(TOKEN) or None
    local = host in _LOOPBACK
    if not local and token is None:
        print_warnings([f"{TOKEN} is not set: whoever reaches {host} can ask the judge"])
    allowed = None if local and not prometheus else frozenset(prometheus or ())
    server = judge_server(project, keep, forget, sources=allowed, token=token)

    def ready(url: str) -> None:
        if form is Format.JSON:
            print_json({"url": url})
        else:
            typer.echo(f"the judge answers at {url}", err=True)

    listen(judge_app(server), host, port, ready)


@contextmanager
def _lines(file: str) -> Iterator[Iterator[bytes]]:
    """The lines of a file or of standard input, none of them longer than the reader takes."""
    from seatrial.records import UsageError
    from seatrial.web.windows import LONGEST_LINE

    try:
        handle = sys.stdin.buffer if file == "-" else Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise UsageError(
            f"it can't be read: {error.strerror}", where=file, remedy="name a file of windows, or - for standard input"
        ) from None
    try:
        yield iter(lambda: handle.readline(LONGEST_LINE + 1), b"")
    finally:
        if file != "-":
            handle.close()
