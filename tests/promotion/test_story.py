"""The story of a promotion, with a registry in memory and trials that are told what to find."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from seatrial.promotion.choose import MODEL_TEST
from seatrial.records import (
    ActorKind,
    EntryKind,
    ModelVersion,
    NotifySpec,
    PermanentError,
    PromotionResult,
    PromotionSpec,
    RegistrySpec,
    RunKind,
    RunState,
    StageRules,
    StageSpec,
    TemporaryError,
    UsageError,
    Verdict,
)
from seatrial.testing import MemoryRegistry
from seatrial.trial.workspace import RunFolder
from tests.promotion.making import PROJECT, SPEC, Engine, cellar, refusal
from tests.registry.registering import draft, model_file

STEPS = ["begin", "try", "keep", "tag", "move", "conclude", "word"]


def test_a_version_that_passes_is_promoted(tmp_path: Path) -> None:
    """The version in Staging is tried and then holds Production, on the evidence of its run."""
    with cellar(tmp_path) as wine:
        (result,) = wine.promote()

        assert "Production" == wine.stage(1)
        assert (True, Verdict.PASS, "", None) == (result.promoted, result.verdict, result.refused, result.baseline)
        line = wine.registry.ledger("wine")[-1]
        assert (EntryKind.MOVED, "Staging", "Production", result.run) == (line.kind, line.source, line.to, line.run)
        assert (ActorKind.RUN, "ada@example.org", "GITHUB_ACTOR") == (line.actor.kind, line.actor.name, line.actor.via)
        assert line.reason == result.headline
        evidence = wine.registry.evidence(result.run)
        assert evidence is not None
        assert (Verdict.PASS, 1, None) == (evidence.verdict, evidence.number, evidence.baseline)
        assert evidence.report == line.report


def test_the_next_version_is_tried_against_the_holder(tmp_path: Path) -> None:
    """The baseline is whoever holds the stage when the promotion begins; the files of both are laid as registered."""
    with cellar(tmp_path, versions=2) as wine:
        wine.promote(version=1)
        (result,) = wine.promote(version=2)

        assert [(1, None), (2, 1)] == wine.tried
        assert 1 == result.baseline
        request = wine.requests[-1]
        assert request.baseline is not None
        assert ("model.joblib", "model.joblib") == (request.candidate.path.name, request.baseline.path.name)
        assert request.candidate.path != request.baseline.path
        assert ("None", "Production") == (wine.stage(1), wine.stage(2))


def test_all_versions_in_staging_are_tried_oldest_first(tmp_path: Path) -> None:
    """Each is tried against whoever holds the stage by then; one that fails stays where it is."""
    with cellar(tmp_path, versions=4, staged=3, finds={3: Verdict.FAIL}) as wine:
        results = wine.promote(source="Staging")

        assert [(2, None), (3, 2), (4, 2)] == wine.tried
        assert [True, False, True] == [result.promoted for result in results]
        assert ["None", "None", "Staging", "Production"] == [wine.stage(number) for number in (1, 2, 3, 4)]


def test_files_are_laid_only_while_they_are_needed(tmp_path: Path) -> None:
    """Models are large: what was laid for a trial is removed when the promotion ends, the run's other files stay."""
    seen: list[bytes] = []
    with cellar(tmp_path) as wine:
        wine.before_end = lambda request: seen.append(request.candidate.path.read_bytes())
        (result,) = wine.promote()

        assert [b"wine 1"] == seen
        folder = wine.trial.workspace.run(result.run).root
        assert ["junit.xml", "lock"] == sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR])
def test_what_does_not_pass_is_tagged_and_stays(tmp_path: Path, verdict: Verdict) -> None:
    """Fail, inconclusive and error are kept and tagged like a pass, and move nothing."""
    with cellar(tmp_path, finds_else=verdict) as wine:
        (result,) = wine.promote(url="https://ci.example.org/7")

        assert (False, verdict) == (result.promoted, result.verdict)
        assert "Staging" == wine.stage(1)
        expected = {
            "git_commit": "c0ffee",
            "git_branch": "main",
            "test_status": verdict.value,
            "run_url": "https://ci.example.org/7",
            "promotion_run": result.run,
        }
        assert expected == wine.tags(1)
        evidence = wine.registry.evidence(result.run)
        assert evidence is not None
        assert verdict == evidence.verdict


def test_outside_ci_the_run_url_is_the_report(tmp_path: Path) -> None:
    """Where no CI says where the run is, the tag leads to the report on disk; what isn't known is no tag."""
    with cellar(tmp_path) as wine:
        (result,) = wine.promote(commit=None, branch=None)

        assert {"test_status", "run_url", "promotion_run"} == set(wine.tags(1))
        assert Path(wine.tags(1)["run_url"]).is_file()
        assert wine.tags(1)["run_url"] == result.report


@pytest.mark.parametrize("error", [UsageError("no requests.jsonl", remedy="add it"), PermanentError("disk is full")])
def test_a_trial_that_can_not_run_is_an_error_of_the_version(tmp_path: Path, error: PermanentError) -> None:
    """The version is tagged with the error, whose whole message is the headline."""
    with cellar(tmp_path, raises={1: error}) as wine:
        (result,) = wine.promote()

        assert (Verdict.ERROR, False, "") == (result.verdict, result.promoted, result.trial)
        assert error.what in result.headline
        assert "error" == wine.tags(1)["test_status"]
        assert "run_url" not in wine.tags(1)


def test_a_mistake_of_ours_in_the_trial_is_told_with_its_traceback(tmp_path: Path) -> None:
    """An exception that nobody foresaw is an error of the trial, and what a bug report needs is in the run's folder."""
    with cellar(tmp_path, raises={1: ZeroDivisionError("oops")}) as wine:
        (result,) = wine.promote()

        note = wine.trial.workspace.run(result.run).root / "error.txt"
        assert f"ZeroDivisionError in the trial: oops; see {note}" == result.headline
        assert "Traceback" in note.read_text()


def test_what_does_not_answer_is_no_verdict(tmp_path: Path) -> None:
    """Files that can't be had for now say nothing of the version: nothing is tagged, the story stands where it stands."""

    class OutOfReach(MemoryRegistry):
        def fetch(self, version: ModelVersion, folder: Path) -> Path:
            """Say that the bucket is down."""
            raise TemporaryError("the bucket does not answer", where=f"{version.id} {folder.name}")

    with cellar(tmp_path, registry=OutOfReach()) as wine:
        with pytest.raises(TemporaryError):
            wine.promote()

        assert {} == wine.tags(1)


def test_files_that_are_gone_are_an_error_of_the_version(tmp_path: Path) -> None:
    """They will not come back by waiting."""

    class Lost(MemoryRegistry):
        def fetch(self, version: ModelVersion, folder: Path) -> Path:
            """Say that they are gone."""
            raise PermanentError("its files are gone", where=f"{version.id} {folder.name}")

    with cellar(tmp_path, registry=Lost()) as wine:
        (result,) = wine.promote()

        assert (Verdict.ERROR, "wine@1 1: its files are gone") == (result.verdict, result.headline)


def test_an_interrupted_trial_never_promotes(tmp_path: Path) -> None:
    """Whatever it had found by then; and nothing further is begun."""
    with cellar(tmp_path, versions=2, interrupts={1}) as wine:
        (result,) = wine.promote()

        assert (False, Verdict.INCONCLUSIVE, "its trial was interrupted") == (
            result.promoted,
            result.verdict,
            result.refused,
        )
        assert "interrupted" == wine.tags(1)["test_status"]
        assert [(1, None)] == wine.tried
        assert RunState.INTERRUPTED == wine.trial.journal.find(result.run).state


def test_one_who_was_slower_is_told(tmp_path: Path) -> None:
    """Somebody else's promotion took the stage during the trial: this one passed and is refused, and says by whom."""
    with cellar(tmp_path, versions=2) as wine:

        def be_faster(_request: object) -> None:
            wine.before_end = lambda _request: None
            wine.promote(version=2)

        wine.before_end = be_faster
        (result,) = wine.promote(version=1)

        assert (False, Verdict.PASS) == (result.promoted, result.verdict)
        assert result.refused.startswith("Production went to 2 meanwhile (by ada@example.org on ")
        assert ["Staging", "Production"] == [wine.stage(1), wine.stage(2)]
        assert "pass" == wine.tags(1)["test_status"]


def test_nobody_in_staging_is_told_with_the_remedy(tmp_path: Path) -> None:
    """It says how a version gets there."""
    with cellar(tmp_path, versions=1, staged=0) as wine, pytest.raises(UsageError) as raised:
        wine.promote()

    expected = (
        "no version of wine is in Staging → put one there: seatrial models stage wine@N Staging; "
        "or name one: --version N"
    )
    assert expected == refusal(raised.value)


def test_the_holder_is_not_promoted_again(tmp_path: Path) -> None:
    """A version that holds the stage already is not tried against itself."""
    with cellar(tmp_path) as wine:
        wine.promote()
        with pytest.raises(UsageError, match="wine@1 is in Production already"):
            wine.promote(version=1)


def test_another_stage_can_be_the_target(tmp_path: Path) -> None:
    """With `--to`, the versions of the stage before it are tried against its newest holder."""
    rules = StageRules(stages=(StageSpec(name="None"), StageSpec(name="Shadow"), StageSpec(name="Live", several=False)))
    project = replace(PROJECT, registry=RegistrySpec(rules=rules))
    with cellar(tmp_path, staged=0, versions=2, project=project) as wine:
        wine.registry._rules = rules  # type: ignore[attr-defined]
        results = wine.promote(source="None", to="shadow")

        assert ["Shadow", "Shadow"] == [wine.stage(1), wine.stage(2)]
        assert [(1, None), (2, 1)] == wine.tried
        assert {"Shadow"} == {result.stage for result in results}


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"to": "None"}, "every version begins in None; nothing is promoted to it"),
        ({"to": "Nowhere"}, "there is no stage 'Nowhere'"),
        ({"source": "Production"}, "Production can't be promoted to itself"),
        ({"version": 9}, "wine has no version 9"),
        ({"model": "beer"}, "there is no model 'beer'"),
    ],
)
def test_impossible_wishes_are_refused(tmp_path: Path, wish: dict[str, Any], message: str) -> None:
    """Before anything is begun."""
    with cellar(tmp_path) as wine:
        with pytest.raises(UsageError) as raised:
            wine.promote(**wish)

        assert raised.value.what.startswith(message)
        assert [] == wine.trial.journal.runs()


def test_the_model_test_in_its_customary_place_is_run(tmp_path: Path) -> None:
    """`src/model/tests/test_model.py` is, unless the project names its own tests."""
    (tmp_path / MODEL_TEST).parent.mkdir(parents=True)
    (tmp_path / MODEL_TEST).write_text("")
    own = PromotionSpec(model="wine", deployment="wine", path="model.joblib", tests=(("behave", "wine"),))
    with cellar(tmp_path, versions=2) as wine:
        wine.promote(version=1)
        wine.project = replace(PROJECT, promotions=(own,))
        wine.promote(version=2)

        assert [(("pytest", MODEL_TEST),), (("behave", "wine"),)] == [request.tests for request in wine.requests]


def test_a_model_that_is_not_configured_goes_to_the_only_deployment(tmp_path: Path) -> None:
    """One deployment that serves a file needs no entry under `models`; a project that leaves it open is told what to add."""
    served = replace(PROJECT, promotions=(), servings=(replace(SPEC, model="forest", deployment="wine"),))
    with cellar(tmp_path, project=served) as wine:
        wine.promote()
        assert "wine" == wine.requests[0].deployment

        wine.project = replace(served, servings=())
        with pytest.raises(UsageError) as raised:
            wine.promote(version=1, to="Staging")
        expected = "where deployment 'wine' expects the files of 'wine' isn't clear → add models: {wine: {path: …}}"
        assert expected == refusal(raised.value)


def test_one_junit_file_holds_the_cases_of_all_and_what_became_of_them(tmp_path: Path) -> None:
    """In the further folder, which git ignores; the reports of each version are beside it."""
    out = tmp_path / "reports"
    with cellar(tmp_path, versions=2, finds={1: Verdict.ERROR, 2: Verdict.FAIL}) as wine:
        results = wine.promote(out=str(out))

    assert [".gitignore", "junit.xml", "wine-v1", "wine-v2"] == sorted(path.name for path in out.iterdir())
    assert ["report.html", "report.json", "report.md"] == sorted(path.name for path in (out / "wine-v2").iterdir())
    assert {str(out / "junit.xml")} == {result.junit for result in results}
    root = ET.parse(out / "junit.xml").getroot()  # noqa: S314 - our own
    outcomes = root.findall("testsuite[@name='seatrial promotion']/testcase")
    assert ["wine@1 to Production", "wine@2 to Production"] == [case.get("name") for case in outcomes]
    assert [["error"], ["failure"]] == [[inner.tag for inner in case] for case in outcomes]
    suites = [suite.get("name", "") for suite in root]
    assert any(name.startswith("wine@1 seatrial wine") for name in suites)
    assert len(root.findall(".//testcase")) == int(root.get("tests", "0"))
    assert len(root.findall(".//failure")) == int(root.get("failures", "0"))
    assert len(root.findall(".//error")) == int(root.get("errors", "0"))


def test_a_folder_that_can_not_be_written_does_not_undo_the_promotion(tmp_path: Path) -> None:
    """The version holds the stage; what went wrong beside it is noted."""
    (tmp_path / "file").write_text("")
    with cellar(tmp_path) as wine:
        (result,) = wine.promote(out=str(tmp_path / "file" / "reports"))

        assert result.promoted
        assert ["can't write the report"] == [note.partition(": ")[2][:22] for note in result.notes]


def test_the_journal_tells_of_the_promotion_and_of_the_trial_in_it(tmp_path: Path) -> None:
    """Its line has its kind, both versions, the verdict, what became of it, and the trial's report."""
    with cellar(tmp_path) as wine:
        (result,) = wine.promote()

        run = wine.trial.journal.find(result.run)
        assert (RunKind.PROMOTION, RunState.FINISHED, Verdict.PASS) == (run.kind, run.state, run.verdict)
        assert ("nobody in Production", "wine@1") == (run.baseline, run.candidate)
        assert "promoted to Production. wine@1 is found pass" == run.headline
        assert [PromotionResult.__name__] == [kind for _, kind, _ in wine.trial.journal.events(run.id)]
        assert run.report is not None
        assert wine.trial.store.has(run.report)
        assert RunFolder(Path(run.folder)).is_abandoned()


def test_an_error_of_the_registry_ends_the_journal_entry(tmp_path: Path) -> None:
    """What breaks outside the trial is raised, and the run's line says so."""
    with cellar(tmp_path) as wine:
        engine = Engine(dies=lambda when, name: _fail() if (when, name) == ("before", "tag wine@1") else None)
        with pytest.raises(PermanentError):
            wine.promote(engine)

        (run,) = wine.trial.journal.runs()
        assert (RunState.FINISHED, Verdict.ERROR, "the registry is broken") == (run.state, run.verdict, run.headline)


def _fail() -> None:
    raise PermanentError("the registry is broken")


def test_receivers_are_told_once_it_is_over(tmp_path: Path) -> None:
    """Each gets the notice of the run, whose verdict is that of the promotion."""
    project = replace(PROJECT, notify=(NotifySpec(name="ops", url="log://"), NotifySpec(name="ml", url="log://")))
    with cellar(tmp_path, project=project, finds_else=Verdict.FAIL) as wine:
        (result,) = wine.promote()

        assert ["ops", "ml"] == [receiver for _, receiver, _ in wine.told]
        notice, _, run = wine.told[0]
        assert (result.run, Verdict.FAIL, result.report) == (run, notice.verdict, notice.link)
        assert f"promotion:{result.run}" == notice.key


def test_the_steps_have_the_same_names_whenever_it_is_told(tmp_path: Path) -> None:
    """The engine knows them by their order and names."""
    with cellar(tmp_path, versions=2) as wine:
        engine = Engine()
        wine.promote(engine)

        assert ["choose", *(f"{step} wine@{number}" for number in (1, 2) for step in STEPS)] == engine.worked


def test_two_models_do_not_touch_each_other(tmp_path: Path) -> None:
    """Another model's holder of the stage is neither baseline nor displaced."""
    project = replace(PROJECT, promotions=(SPEC, replace(SPEC, model="beer")))
    with cellar(tmp_path, project=project) as wine:
        wine.registry.register(draft("beer"), model_file(tmp_path / "beer"))
        wine.promote()
        (result,) = wine.promote(model="beer", version=1)

        assert (True, None) == (result.promoted, result.baseline)
        assert "Production" == wine.stage(1)
