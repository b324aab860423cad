"""Runs the project's own tests (behave, pytest, locust) against one cell and turns what they say into a record.

A test is told where the deployment is (`DEPLOYED_MODEL_URL`) and where it may store figures (`STORE_METRICS_PATH`). Whatever
goes wrong with it, a hang, an import that fails, a name that matches nothing, is its result, never the end of the trial.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.records import PermanentError, SeatrialError, StackSpec, TestResult, TestSpec, UsageError
from seatrial.trial.build.commands import Command, Commands, Finished
from seatrial.trial.build.environment import cell_environment, fill_in
from seatrial.trial.build.stack import Stack, Stacks
from seatrial.trial.external.runners import RUNNERS, Runner, Seen
from seatrial.trial.external.runners.junit import write_suites
from seatrial.trial.external.stored_metrics import StoredMetrics, read_stored_metrics

_NO_TESTS = 5  # pytest.ExitCode.NO_TESTS_COLLECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnStack:
    """A cell's own stack: what was installed, and how to install the same with more in it.

    Attributes:
        stack: as the cell runs in it.
        spec: how it is declared.
        project: the project's folder in the cell's checkout, which declares it.
        salt: id of the cell's tree.
        extra: requirements that seatrial installed besides (of the model server).
    """

    stack: Stack
    spec: StackSpec
    project: Path
    salt: str
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a test runs against.

    Attributes:
        cell: id of the cell.
        url: where it answers, without a slash at the end.
        project: folder with the tests, the same for all cells.
        own: the cell's own stack; None for a deployment behind a URL.
        declared: the cell's `env:` as written.
        extra: variables that seatrial adds (`COMMIT_SHA`).
        salt: id of the tree that `project` is, for test stacks that contain folders of it.
    """

    cell: str
    url: str
    project: Path
    own: OwnStack | None
    declared: Mapping[str, str]
    extra: Mapping[str, str]
    salt: str


class ExternalTests:
    """Runs tests of one trial; safe to use from many threads.

    Args:
        folder: of the run; gets `junit/`, `logs/` and `tests/`.
        stacks: provides the runners' environments.
        commands: runs the runners.
        environ: the caller's environment.
    """

    def __init__(self, folder: Path, stacks: Stacks, commands: Commands, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._stacks = stacks
        self._commands = commands
        self._environ = environ

    def run(self, spec: TestSpec, subject: Subject) -> TestResult:
        """Run one test against one cell.

        Raises:
            TemporaryError: the trial was interrupted. Everything else is a result that did not pass.
        """
        runner = RUNNERS[spec.kind]
        name = _file_name(f"{subject.cell}-{spec.name}")
        log = self._folder / "logs" / f"{name}.log"
        try:
            _check_target(spec, subject.project)
            stack = self._stack(spec, runner, subject, log)
            work = self._fresh_folder(name)
            finished = self._commands.run(self._command(spec, runner, subject, stack, work, log))
            seen = runner.collect(work)
            junit = self._keep_junit(seen, name)
        except SeatrialError as error:
            self._commands.check()
            return _not_run(spec, subject, error)
        return _result(
            spec,
            runner,
            subject,
            finished=finished,
            seen=seen,
            stored=read_stored_metrics(_metrics_path(work)),
            junit=junit,
        )

    def _stack(self, spec: TestSpec, runner: Runner, subject: Subject, log: Path) -> Stack:
        """Where the test runs."""
        where = f"{subject.cell}: {spec.name}"
        if spec.stack is None:
            return self._stacks.provide_named(runner.requirements, log=log, where=where)
        if spec.stack != "cell":
            declared = StackSpec(file=spec.stack)
            return self._stacks.provide(
                declared, subject.project, salt=subject.salt, log=log, where=where, extra=(runner.package,)
            )
        return self._own_stack(runner, subject, log, where)

    def _own_stack(self, runner: Runner, subject: Subject, log: Path, where: str) -> Stack:
        """The cell's own stack if it holds the runner, else one like it that does.

        Raises UsageError where that can't be made: nothing is installed into seatrial's own environment.
        """
        own = subject.own
        stack = own.stack if own is not None else self._stacks.host()
        if stack.has(runner.package):
            return stack
        if own is None or stack.host:
            raise UsageError(
                f"{runner.package} is not installed in the environment of seatrial, which is the stack of {subject.cell}",
                where=where,
                remedy=f"install {runner.package} there, or name a requirements file with `stack:`",
            )
        extra = (*own.extra, *runner.requirements)
        return self._stacks.provide(own.spec, own.project, salt=own.salt, log=log, where=where, extra=extra)

    def _fresh_folder(self, name: str) -> Path:
        work = self._folder / "tests" / name
        try:
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
        except OSError as error:
            raise PermanentError(f"the test's folder can't be made: {error.strerror}", where=str(work)) from error
        return work

    def _command(
        self, spec: TestSpec, runner: Runner, subject: Subject, stack: Stack, work: Path, log: Path
    ) -> Command:
        told = {
            **subject.extra,
            "SEATRIAL_CELL": subject.cell,
            "SEATRIAL_TEST_FOLDER": str(work),
            "DEPLOYED_MODEL_URL": subject.url,
            "STORE_METRICS_PATH": str(_metrics_path(work)),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        own = fill_in(spec.env, {**self._environ, **told}, where=f"{subject.cell}: {spec.name}")
        arguments = runner.arguments(spec, subject.project, subject.url, work)
        return Command(
            argv=(str(stack.python), "-m", runner.package, *arguments),
            cwd=subject.project,
            env=cell_environment(stack, subject.declared, {**own, **told}, caller=self._environ, where=subject.cell),
            log=log,
            timeout=spec.timeout,
            where=f"{subject.cell}: {spec.name}",
            stdout=work / "stdout" if runner.reads_stdout else None,
        )

    def _keep_junit(self, seen: Seen, name: str) -> str | None:
        if not seen.suites:
            return None
        write_suites(seen.suites, self._folder / "junit" / f"{name}.xml")
        return f"junit/{name}.xml"


def _result(
    spec: TestSpec,
    runner: Runner,
    subject: Subject,
    *,
    finished: Finished,
    seen: Seen,
    stored: StoredMetrics,
    junit: str | None,
) -> TestResult:
    """One record; a test of which nothing passed has not passed, whatever its exit status."""
    ran_well = any(case.outcome == "passed" for case in seen.cases)
    messages = (*_why_not(spec, runner, finished, seen), *seen.problems, *stored.problems)
    return TestResult(
        cell=subject.cell,
        test=spec.name,
        kind=spec.kind,
        passed=finished.exit_status == 0 and not finished.timed_out and ran_well,
        cases=seen.cases,
        metrics={**stored.metrics, **seen.metrics},
        info=stored.info,
        junit=junit,
        log_tail=finished.log_tail,
        message="; ".join(messages),
    )


def _why_not(spec: TestSpec, runner: Runner, finished: Finished, seen: Seen) -> tuple[str, ...]:
    """Why it did not pass, in words; empty if it did."""
    bad = sum(case.outcome in {"failed", "error"} for case in seen.cases)
    if finished.timed_out:
        return (f"it took longer than {spec.timeout:g} s and was ended",)
    if bad:
        return (f"{bad} of {len(seen.cases)} cases failed",) if finished.exit_status else ()
    if finished.exit_status not in {0, _NO_TESTS}:
        return (_missing_module(spec, finished) or f"{runner.package} ended with {finished.ended}; its log says why",)
    if not seen.cases:
        return (runner.nothing_ran(spec),)
    return ("every case was skipped",) if all(case.outcome == "skipped" for case in seen.cases) else ()


def _missing_module(spec: TestSpec, finished: Finished) -> str:
    missing = re.search(r"No module named '([\w.]+)'", finished.log_tail)
    if missing is None:
        return ""
    remedy = (
        "its environment holds only the runner and requests: name a requirements file with `stack:`, or `stack: cell`"
    )
    return f"the test needs the module {missing[1]}, which is not installed" + (
        f"; {remedy}" if spec.stack is None else ""
    )


def _not_run(spec: TestSpec, subject: Subject, error: SeatrialError) -> TestResult:
    remedy = f" → {error.remedy}" if error.remedy else ""
    return TestResult(
        cell=subject.cell,
        test=spec.name,
        kind=spec.kind,
        passed=False,
        message=f"it could not run: {error.what}{remedy}",
    )


def _check_target(spec: TestSpec, project: Path) -> None:
    """Raise UsageError where the path of a test is missing, which the runners say in many words."""
    path = project / ("features" if spec.kind == "behave" else spec.target.partition("::")[0])
    if spec.kind == "behave" and any((project / name).exists() for name in ("behave.ini", ".behaverc", "setup.cfg")):
        return
    if not path.exists():
        raise UsageError(
            f"{path.name if spec.kind == 'behave' else spec.target} does not exist",
            where=str(project),
            remedy=f"add it to the project, or correct `{spec.kind}:` in seatrial.yaml",
        )


def _metrics_path(work: Path) -> Path:
    return work / "metrics.json"


def _file_name(text: str) -> str:
    return "".join(char if char.isalnum() or char in "._-+@" else "_" for char in text)
