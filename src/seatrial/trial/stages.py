"""The stages of a trial, one method each; `run.py` tells in which order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace

import httpx
import numpy as np

from seatrial.judge import LookSchedule
from seatrial.records import BlockSamples, Inputs, Plan, Project, Report, Role, SeatrialError, Stage
from seatrial.trial import scrape
from seatrial.trial.build.commands import StoppedError
from seatrial.trial.build.prepare import Preparation
from seatrial.trial.cells import CellRun, UsageSampler
from seatrial.trial.compare.functions import Function, load_functions
from seatrial.trial.conclude import Circumstances, Seen, compare_all, conclude, is_settled
from seatrial.trial.deploy import Starter
from seatrial.trial.drive.lanes import Lane
from seatrial.trial.drive.requests import RequestSet, load_requests
from seatrial.trial.drive.rounds import drive
from seatrial.trial.drive.schedule import block_count
from seatrial.trial.planned import Planned
from seatrial.trial.progress import Progress, Watcher
from seatrial.trial.samples import BlockLog, gather, write_parquet
from seatrial.trial.served import check_served
from seatrial.trial.tools import Tools
from seatrial.trial.workspace import RunFolder

PREPARING = 4
STARTING = 8
INTERRUPTIBLE = 0.2


class Stages:
    """One trial on its way: its cells and what was seen of them."""

    def __init__(self, planned: Planned, folder: RunFolder, tools: Tools, watch: Watcher) -> None:
        self._project = planned.project
        self._change = planned.change
        self._plan = planned.plan
        self._folder = folder
        self._tools = tools
        self._watch = watch
        self._started = tools.clock.now()
        self._timings: dict[str, float] = {}
        self._notes: list[str] = []
        self._rows: dict[str, RequestSet] = {}
        self._functions: dict[str, dict[str, Function]] = {}
        self._blocks: list[BlockSamples] = []
        self._confidence = planned.project.confidence
        self._cells = {cell.id: CellRun(cell, watch) for cell in planned.plan.cells}
        self._preparation = Preparation(planned, folder, tools)
        self._sampler = UsageSampler(list(self._cells.values()), tools.clock)

    @contextmanager
    def stopping_everything(self) -> Iterator[None]:
        """Whatever happens inside, no process and no checkout is left afterwards."""
        try:
            with self._sampler:
                yield
        finally:
            self._each(list(self._cells.values()), self._stop, STARTING)
            self._preparation.remove_checkouts()

    def cancel(self) -> None:
        """Tell everything that is under way to end; from any thread."""
        self._preparation.cancel()

    def check(self) -> None:
        """Raise StoppedError once `cancel` was called."""
        self._preparation.check()

    def prepare(self) -> None:
        """Check the requests, then make every cell's files, software stack and build."""
        with self._timed("build", "building"):
            self._preparation.check_out(self._cells)
            self._load_inputs()
            self._each(self._living(), self._preparation.prepare, PREPARING)

    def deploy(self) -> None:
        """Start every cell that could be built, all at once, and wait until each is healthy."""
        with self._timed("deploy", "starting"), httpx.Client(follow_redirects=False, trust_env=False) as http:
            starter = Starter(
                run=self._folder.mark,
                runtime=self._tools.runtime,
                clock=self._tools.clock,
                http=http,
                check=self._preparation.check,
            )
            self._each(self._living(), lambda cell: self._start(cell, starter), STARTING)
            self._check_served(http)

    def drive(self) -> None:
        """Send the requests to every healthy cell, in turns; each finished turn is on disk before the next."""
        lanes = self._lanes()
        if not lanes:
            return
        with self._timed("drive", f"driving, about {_planned_seconds(lanes):.0f} s"):
            log = BlockLog(self._folder.blocks)
            try:
                summary = drive(
                    lanes,
                    seed=self._project.seed,
                    clock=self._tools.clock,
                    on_block=lambda block: self._keep(block, log),
                    stop=self._stopping_rule(lanes),
                    on_lane_lost=self._lose,
                )
            finally:
                log.close()
            self._preparation.check()
            if summary.stopped:
                self._notes.append(
                    f"the verdict was settled after {summary.rounds} of {summary.planned} rounds, so driving stopped"
                )
            self._scrape_all()

    def test(self) -> None:
        """Run the external tests against every living cell, one after the other."""
        cells = [cell for cell in self._living() if cell.cell.deployment.tests and cell.url and self._tells(cell)]
        if not cells:
            return
        with self._timed("test", "testing"):
            order = np.random.default_rng([self._project.seed, 2]).permutation(len(cells))
            for place in order:
                self._test(cells[place])

    def report(self, *, complete: bool) -> Report:
        """Compare, judge, and put everything into one record."""
        self._watch(Progress(stage=Stage.MEASURE, detail="comparing"))
        began = self._tools.clock.monotonic()
        self._keep_results(complete=complete)
        if self._folder.blocks.exists():
            write_parquet(self._folder.blocks, self._folder.samples)
        report = conclude(self._seen(), self._circumstances(complete=complete))
        return replace(report, timings={**report.timings, "compare": self._tools.clock.monotonic() - began})

    def _living(self) -> list[CellRun]:
        return [cell for cell in self._cells.values() if cell.lives]

    def _each(self, cells: Sequence[CellRun], work: Callable[[CellRun], None], at_once: int) -> None:
        """Do `work` for all cells, several at a time; the first error of our own is raised once all have ended."""
        if not cells:
            return
        pool = ThreadPoolExecutor(max_workers=min(at_once, len(cells)), thread_name_prefix="cell")
        futures = [pool.submit(work, cell) for cell in cells]
        try:
            # A signal that arrives just before a wait without an end is not seen before that end.
            while wait(futures, timeout=INTERRUPTIBLE).not_done:
                continue
        except KeyboardInterrupt:
            self.cancel()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        for future in futures:
            future.result()

    def _check_served(self, http: httpx.Client) -> None:
        """Hold what each model server says that it serves against what was registered."""
        for cell in self._living():
            layer, prepared = self._preparation.layer(cell), self._preparation.of(cell)
            if layer is None or prepared is None or cell.url is None or not cell.cell.deployment.served:
                continue
            try:
                check_served(cell.url, layer, prepared.project, http)
            except SeatrialError as error:
                cell.fail(error)
                self._stop(cell)

    @contextmanager
    def _timed(self, name: str, detail: str) -> Iterator[None]:
        self._watch(Progress(stage=_STAGES[name], detail=detail))
        began = self._tools.clock.monotonic()
        try:
            yield
        finally:
            self._timings[name] = self._timings.get(name, 0.0) + self._tools.clock.monotonic() - began

    def _load_inputs(self) -> None:
        """Requests and metric functions of each deployment, from the candidate's files. Raises UsageError."""
        for name in self._plan.deployments:
            spec = self._plan.of(name)[-1].deployment
            folder = self._preparation.inputs_folder(spec.requests.file if spec.requests else None)
            if spec.requests is not None:
                self._rows[name] = load_requests(spec.requests, folder)
                self._keep_inputs(name, self._rows[name])
                self._preparation.with_secrets(spec.requests, name)
            self._functions[name] = load_functions(spec.metrics, folder)

    def _keep_inputs(self, deployment: str, rows: RequestSet) -> None:
        """Labels and columns stay with the run, so that it can be compared again when the files have changed."""
        stored = self._tools.store.put(rows.without_bodies())
        self._tools.journal.append(self._folder.id, Inputs(deployment=deployment, digest=rows.digest, rows=stored))

    def _start(self, cell: CellRun, starter: Starter) -> None:
        prepared = self._preparation.of(cell)
        starter.start(
            cell,
            project=prepared.project if prepared else self._tools.project,
            env=prepared.env if prepared else {},
            log=self._folder.log(cell.id),
        )

    def _stop(self, cell: CellRun) -> None:
        """Stop one cell; what survives is noted and left to the next trial, which finds it by its mark."""
        try:
            cell.stop()
        except SeatrialError as error:
            self._notes.append(f"{cell.id} could not be stopped: {error.what}")

    def _lanes(self) -> list[Lane]:
        """A lane for each healthy cell with requests, unless its deployment can't be compared any more."""
        lanes = []
        for cell in self._living():
            if not self._comparable(cell):
                continue
            spec, rows = cell.cell.deployment.requests, self._rows.get(cell.cell.deployment.name)
            if spec is None or rows is None or cell.url is None:
                continue
            lane = Lane(
                cell=cell.id,
                deployment=cell.cell.deployment.name,
                base_url=cell.url,
                spec=self._preparation.with_secrets(spec, cell.id),
                requests=rows,
                alive=cell.is_alive,
                usage=cell.current_usage,
            )
            cell.planned = lane.total
            cell.enter(Stage.DRIVE, total=cell.planned)
            lanes.append(lane)
        return lanes

    def _comparable(self, cell: CellRun) -> bool:
        """Whether baseline and candidate of its deployment both live; if one failed, driving the other tells nothing."""
        pair = (Role.BASELINE, Role.CANDIDATE)
        own = [other for other in self._cells.values() if other.cell.deployment.name == cell.cell.deployment.name]
        return all(other.lives for other in own if other.cell.role in pair)

    def _tells(self, cell: CellRun) -> bool:
        """Whether testing it says something: the candidate always, the others while their candidate lives too."""
        return cell.cell.role is Role.CANDIDATE or self._comparable(cell)

    def _keep(self, block: BlockSamples, log: BlockLog) -> None:
        log.append(block)
        self._blocks.append(block)
        cell = self._cells[block.cell]
        cell.requests += len(block.samples)
        cell.driven_seconds += block.seconds
        cell.enter(Stage.DRIVE, done=cell.requests, total=cell.planned)

    def _lose(self, cell: str, block: int) -> None:
        found = self._cells[cell]
        if not found.fail_if_dead("it ended while it was driven"):
            found.fail(
                f"it answered nothing any more from block {block} on",
                log_tail=found.instance.log_tail() if found.instance else "",
            )

    def _stopping_rule(self, lanes: Sequence[Lane]) -> Callable[[int], bool]:
        """Stop once the trial is cancelled, and with `until: decided` once all is settled.

        That is looked at at times fixed beforehand, at a level that permits it.
        """
        if self._project.until == "all":
            return lambda _block: self._preparation.cancelled
        budget = max(block_count(lane.total, lane.spec.rate, lane.spec.block) for lane in lanes)
        schedule = LookSchedule.geometric(budget, confidence=self._project.confidence)

        def settled(block: int) -> bool:
            done = block + 1
            if self._preparation.cancelled:
                return True
            if not schedule.is_look(done):
                return False
            self._confidence = schedule.confidence_at(done)
            return is_settled(compare_all(self._seen(), self._confidence))

        return settled

    def _scrape_all(self) -> None:
        with httpx.Client(follow_redirects=False, trust_env=False) as http:
            for cell in self._living():
                if cell.url:
                    cell.scrape = scrape.scrape(cell.url, http)

    def _test(self, cell: CellRun) -> None:
        for spec in cell.cell.deployment.tests:
            cell.enter(Stage.TEST, spec.name)
            try:
                cell.tests.append(self._preparation.run_test(cell, spec))
            except StoppedError:
                raise
            except SeatrialError as error:
                cell.fail(error)
            if cell.fail_if_dead(f"it ended during the test {spec.name}"):
                return

    def _keep_results(self, *, complete: bool) -> None:
        for cell in self._cells.values():
            if cell.lives and complete:
                cell.enter(Stage.DONE)
            self._tools.journal.append(self._folder.id, cell.result(self._folder.root))

    def _seen(self) -> Seen:
        return Seen(
            project=self._project,
            change=self._change,
            plan=self._plan,
            results={name: cell.result(self._folder.root) for name, cell in self._cells.items()},
            samples=gather(self._blocks),
            rows=self._rows,
            functions=self._functions,
        )

    def _circumstances(self, *, complete: bool) -> Circumstances:
        return Circumstances(
            run=self._folder.id,
            started=self._started,
            ended=self._tools.clock.now(),
            complete=complete,
            confidence=self._confidence,
            notes=(*self._preparation.notes, *self._notes),
            timings=dict(self._timings),
            machine=self._tools.machine,
            settings=_settings(self._project, self._plan),
        )


def _planned_seconds(lanes: Sequence[Lane]) -> float:
    """How long driving all requests takes: cells take turns, unless their deployment is driven at once."""
    spans: dict[str, list[float]] = {}
    for lane in lanes:
        spans.setdefault(lane.deployment, []).append(lane.total / lane.spec.rate)
    together = {lane.deployment for lane in lanes if lane.spec.concurrent}
    return sum(max(found) if name in together else sum(found) for name, found in spans.items())


_STAGES = {
    "build": Stage.BUILD,
    "deploy": Stage.START,
    "drive": Stage.DRIVE,
    "test": Stage.TEST,
}


def _settings(project: Project, plan: Plan) -> Mapping[str, str]:
    found = {"seed": str(project.seed), "confidence": f"{project.confidence:g}", "until": project.until}
    for name in plan.deployments:
        spec = plan.of(name)[-1].deployment.requests
        if spec is not None:
            found[f"{name}: rate"] = f"{spec.rate:g}/s"
            found[f"{name}: requests"] = spec.file
    return found
