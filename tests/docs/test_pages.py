"""The pages hold together: links lead somewhere, configurations are read, programs run, nothing is left out."""

import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from ruamel.yaml import YAML

from seatrial.config import read_project
from seatrial.records import (
    BlockSamples,
    Change,
    Comparison,
    DeploymentReport,
    Family,
    Report,
    Sample,
    Verdict,
    Version,
)
from seatrial.serve.signature import merge, parse
from seatrial.trial.samples import BlockLog, write_parquet
from tests.docs.pages import ROOT, Block, anchors, blocks, links, pages

MINIMAL = """\
requests: {file: requests.jsonl, label: label}
deployments: {model: {run: python server.py}}
"""
TUTORIALS = ROOT / "docs" / "tutorial"
_ALL = [block for page in pages() for block in blocks(page)]
_NAMES = {page: str(page.relative_to(ROOT)) for page in pages()}


def _those(language: str) -> list[Any]:
    return [pytest.param(block, id=block.id) for block in _ALL if block.language == language]


def _yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)


@pytest.mark.parametrize("page", pages(), ids=_NAMES.get)
def test_links_and_anchors_resolve(page: Path) -> None:
    """Every relative link names a file that exists, and every anchor a heading in it."""
    broken = []
    for link in links(page):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert [] == broken


@pytest.mark.parametrize("page", pages(), ids=_NAMES.get)
def test_no_page_names_the_machine_that_it_was_written_on(page: Path) -> None:
    """Pasted output shows no private paths, and no placeholder is left."""
    text = page.read_text(encoding="utf-8")

    assert [] == [word for word in (str(ROOT), "/root/", "@DEMO@", "@PASS@", "@FAIL@") if word in text]


def test_index_leads_to_every_page() -> None:
    """`docs/index.md` links every page below `docs/`."""
    docs = ROOT / "docs"
    linked = {(docs / link.partition("#")[0]).resolve() for link in links(docs / "index.md")}
    below = {page for page in docs.rglob("*.md") if page.name != "index.md"}

    assert below == {page for page in linked if page.suffix == ".md"}


def _is_signature(block: Block) -> bool:
    return block.title == "signature.yaml"


@pytest.mark.parametrize("block", [p for p in _those("yaml") if _is_signature(p.values[0])])
def test_signatures_are_read(block: Block) -> None:
    """A signature file on a page is one, and its example has the inputs that it names."""
    signature = merge(parse(_yaml(block.text), block.id), None)

    assert [] != list(signature.fields)


_PROJECTS = [
    p for p in _those("yaml") if not p.values[0].note.startswith("workflow") and not _is_signature(p.values[0])
]


@pytest.mark.parametrize("block", _PROJECTS)
def test_configurations_are_read(block: Block) -> None:
    """A whole `seatrial.yaml` is accepted as it stands, a fragment once it is merged into the smallest one."""
    text = _merged(block.text) if block.note == "fragment" else block.text

    project = read_project(text, where=block.id, default_name="page")
    assert project.deployments or project.services or project.bot


def _merged(fragment: str) -> str:
    whole, given = _yaml(MINIMAL), _yaml(fragment)
    requests = whole["requests"] | given.get("requests", {})
    text = io.StringIO()
    writer: Any = YAML(typ="safe")
    writer.sort_base_mapping_type_on_output = False  # the order of stages has a meaning
    writer.dump(whole | given | {"requests": requests}, text)
    return text.getvalue()


def test_workflows_fetch_history_and_publish_whatever_the_verdict() -> None:
    """Each GitHub workflow on the pages fetches all history, runs the trial with --out, and publishes after a failure."""
    found = [_yaml(block.text) for block in _ALL if block.language == "yaml" and block.note == "workflow"]
    for workflow in found:
        (job,) = workflow["jobs"].values()
        steps = job["steps"]
        runs = [step.get("run", "") for step in steps]
        publishing = [
            step for step in steps if "upload-artifact" in step.get("uses", "") or "SUMMARY" in step.get("run", "")
        ]

        assert 0 == steps[0]["with"]["fetch-depth"]
        assert any(re.fullmatch("seatrial trial (--publish )?--out trial-report", run) for run in runs)
        shown = 1 + (not any("--publish" in run for run in runs))
        assert shown == len([step for step in publishing if "!cancelled()" in step["if"]])
    assert 3 == len(found)


@pytest.mark.parametrize("block", _those("json"))
def test_json_is_json(block: Block) -> None:
    """Every line of a JSON block is one whole value."""
    assert all(json.loads(line) is not None for line in block.text.splitlines())


class _Answering(BaseHTTPRequestHandler):
    """A deployment that is up."""

    def do_GET(self) -> None:
        """Answer 200."""
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def deployment() -> Iterator[str]:
    """The URL of something that answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A folder with a `report.json` and a `samples.parquet` as a trial leaves them."""
    samples = tuple(Sample(row, 0, row / 50, 0.0, 0.01, 200, None, row) for row in range(5))
    log = BlockLog(tmp_path / "blocks.jsonl")
    log.append(BlockSamples(cell="m@baseline", block=0, samples=samples, seconds=0.1))
    changed = (*samples[:4], Sample(4, 0, 0.08, 0.0, 0.02, 200, None, 9))
    log.append(BlockSamples(cell="m@candidate", block=0, samples=changed, seconds=0.1))
    log.close()
    write_parquet(tmp_path / "blocks.jsonl", tmp_path / "samples.parquet")
    (tmp_path / "report.json").write_bytes(msgspec.json.encode(_failing_report()))
    return tmp_path


def _failing_report() -> Report:
    gate = Comparison(
        deployment="m", metric="accuracy", family=Family.MODEL, verdict=Verdict.FAIL, reason="worse than allowed"
    )
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return Report(
        run="20260101-000000",
        project="page",
        seatrial="0.1.0",
        started=moment,
        ended=moment,
        change=Change(project=".", baseline=Version(name="baseline"), candidate=Version(name="candidate")),
        verdict=Verdict.FAIL,
        headline="m's accuracy went down.",
        deployments=(DeploymentReport(name="m", verdict=Verdict.FAIL, comparisons=(gate,)),),
    )


_EXPECTED = {
    "differing.py": "9",
    "failed.py": "m accuracy worse than allowed",
    "tests/smoke/test_api.py": "2 passed",
    "costs.py": "",
    "rating_checks.py": "",
    "judge_once.py": "continue: the canary is warming up, 590 s to go",
    "judge_stream.py": "abort",
    "service.py": "",
    "train_mean.py": "{'alien': 4.5, 'brazil': 3.0}",
    "verify_chain.py": "0 lines",
}


@pytest.mark.parametrize("block", [p for p in _those("python") if p.values[0].page.parent != TUTORIALS])
def test_programs_run(block: Block, run_folder: Path, deployment: str) -> None:
    """Every Python file on a page runs in a project's or run's folder and prints what the page says; tutorials are played."""
    file = run_folder / block.title
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(block.text, encoding="utf-8")
    stored, rated = run_folder / "metrics.json", run_folder / "ratings.csv"
    rated.write_text("movie,rating\nalien,4\nalien,5\nbrazil,3\n")
    told = {"SEATRIAL_DATA": str(rated), "SEATRIAL_OUTPUT": str(run_folder)}
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."] if "test_" in file.name else []
    done = subprocess.run(
        [sys.executable, *command, block.title],
        cwd=run_folder,
        env={**os.environ, "DEPLOYED_MODEL_URL": deployment, "STORE_METRICS_PATH": str(stored), **told},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert _EXPECTED[block.title] in done.stdout


def test_class_on_the_page_answers_as_the_page_says() -> None:
    """The recommender is loaded once and answers one list a row."""
    (block,) = (b for b in _ALL if b.title == "service.py")
    names: dict[str, Any] = {}
    exec(compile(block.text, block.id, "exec"), names)  # noqa: S102 - our own page
    recommender = names["Recommender"]()
    recommender.load()

    assert [["Alien", "Brazil"], []] == recommender.predict([{"user": "42"}, {"user": "7"}])


def test_metric_function_on_the_page_counts_what_it_says() -> None:
    """The cost function of the page is a mean over requests in which a missed tumour costs ten false alarms."""
    (block,) = (b for b in _ALL if b.title == "costs.py")
    names: dict[str, Any] = {}
    exec(compile(block.text, block.id, "exec"), names)  # noqa: S102 - our own page

    assert 5.25 == names["mean_cost"]([0, 1, 1, 0], [1, 0, 1, 1])
    assert 10 * names["mean_cost"]([1], [0]) == names["mean_cost"]([0], [1])


@pytest.mark.parametrize("block", _those("sql"))
def test_queries_answer(block: Block, run_folder: Path) -> None:
    """A query on a page runs on a trial's samples and gives rows for both cells."""
    query = block.text.replace("samples.parquet", str(run_folder / "samples.parquet"))

    assert {"m@baseline", "m@candidate"} == {row[0] for row in duckdb.execute(query).fetchall()}


def test_no_program_is_without_a_name() -> None:
    """A Python block has a title, so that the tests know what to do with it."""
    assert [] == [block.id for block in _ALL if block.language == "python" and not block.title]
