"""The contract of the Registry port, on the shipped fake, SQLite, PostgreSQL and a real MLflow server.

An adapter joins by a function in `REGISTRIES` that opens it, empty, with the given stages.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.adapters.registry.sql_ledger import SqlLedger, open_ledger_database
from seatrial.ports import Registry
from seatrial.records import (
    Actor,
    EntryKind,
    LedgerEntry,
    Lineage,
    ModelSummary,
    PermanentError,
    StageRules,
    UsageError,
    Verdict,
)
from seatrial.records.serving import Field, Form, Kind, Signature
from seatrial.registry.ledger import verify
from seatrial.testing import MemoryRegistry
from tests.registry.mlflow_server import cleared
from tests.registry.registering import (
    ADA,
    CI,
    GLASS,
    NOON,
    OWN,
    RULES,
    after,
    by_hand,
    draft,
    evidence,
    model_file,
    promote,
    promotion,
    registered,
    sql_registry,
)

Opened = AbstractContextManager[Registry]
Opener = Callable[[StageRules, Path, pytest.FixtureRequest], Opened]


@contextmanager
def _memory(rules: StageRules, _folder: Path, _request: pytest.FixtureRequest) -> Iterator[Registry]:
    yield MemoryRegistry(rules)


def _sqlite(rules: StageRules, folder: Path, _request: pytest.FixtureRequest) -> Opened:
    return sql_registry(f"sqlite:///{folder / 'registry.db'}", folder, rules)


def _postgresql(rules: StageRules, folder: Path, request: pytest.FixtureRequest) -> Opened:
    return sql_registry(request.getfixturevalue("postgres_url"), folder, rules)


@contextmanager
def _mlflow(rules: StageRules, folder: Path, request: pytest.FixtureRequest) -> Iterator[Registry]:
    from seatrial.adapters.registry.mlflow import open_mlflow

    url = cleared(request.getfixturevalue("mlflow_url"))
    with closing(
        open_mlflow(url, SqlLedger(open_ledger_database(f"sqlite:///{folder / 'ledger.db'}"), rules), rules)
    ) as found:
        yield found


REGISTRIES: dict[str, Opener] = {"memory": _memory, "sqlite": _sqlite, "postgresql": _postgresql, "mlflow": _mlflow}
"""How to open each of them."""


@pytest.fixture(params=["memory", "sqlite", "postgresql", pytest.param("mlflow", marks=pytest.mark.slow)])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[StageRules], Registry]]:
    """Opens each registry in turn, with the rules that the test wants; once a test."""
    with ExitStack() as stack:
        yield lambda rules: stack.enter_context(REGISTRIES[request.param](rules, tmp_path, request))


@pytest.fixture
def registry(opening: Callable[[StageRules], Registry]) -> Registry:
    """A registry with the default stages, empty."""
    return opening(RULES)


def told(entries: Any) -> list[tuple[str, int, str, str]]:
    """What lines tell, in short."""
    return [(entry.kind.value, entry.number, entry.source, entry.to) for entry in entries]


SIGNATURE = Signature(
    form=Form.COLUMNS,
    fields=(
        Field(name="pH", minimum=0, maximum=14.0, exclusive_maximum=True),
        Field(name="colour", kind=Kind.STRING, dtype="object", choices=("red", "white"), optional=True),
    ),
    output="quality",
    output_range=(0.0, 10.0),
    example=[3.3, "red"],
)


def test_a_version_reads_as_it_was_registered(registry: Registry, tmp_path: Path) -> None:
    """Nothing is lost on the way, and the registry adds number, artifact and stage."""
    registered(registry, tmp_path)
    given = draft(
        lineage=Lineage(commit="abc", branch="main", data="md5:1", stack="sha256:2", run="train-7", parent=1),
        flavour="sklearn",
        signature=SIGNATURE,
        metrics={"rmse": 0.25, "rows": 1599},
        tags={"näin": "kävi 🍷", "a": ""},
        description="line one\nline two",
    )

    version = registry.register(given, model_file(tmp_path, "new"))

    assert version == registry.version("wine", 2)
    assert ("None", 2, "wine@2") == (version.stage, version.number, version.id)
    assert {name: getattr(given, name) for name in ("creator", "created", "lineage", "flavour", "signature")} == {
        name: getattr(version, name) for name in ("creator", "created", "lineage", "flavour", "signature")
    }
    assert (given.metrics, given.tags, given.description) == (version.metrics, version.tags, version.description)


def test_versions_count_from_one_in_each_model(registry: Registry, tmp_path: Path) -> None:
    """Two models' numbers have nothing to do with each other; the newest comes first."""
    registered(registry, tmp_path, 3)
    registered(registry, tmp_path, 1, "digits")

    assert [3, 2, 1] == [version.number for version in registry.versions("wine")]
    assert [3, 2] == [version.number for version in registry.versions("wine", limit=2)]
    assert [1] == [version.number for version in registry.versions("digits")]


def test_the_list_says_what_each_model_has(registry: Registry, tmp_path: Path) -> None:
    """Models by name, with their counts and with who is in which stage but the first."""
    one, two, three = registered(registry, tmp_path, 3)
    registered(registry, tmp_path, 1, "digits")
    registry.move(by_hand(two))
    registry.move(by_hand(three))
    promote(registry, one)

    assert [
        ModelSummary(name="digits", versions=1, latest=1, updated=NOON),
        ModelSummary(
            name="wine", versions=3, latest=3, updated=after(6), holders={"Staging": (2, 3), "Production": (1,)}
        ),
    ] == list(registry.models())


def test_an_empty_registry_lists_nothing(registry: Registry) -> None:
    """No models, no lines, and nothing wrong with them."""
    assert ([], [], ()) == (list(registry.models()), list(registry.ledger()), verify(registry.books(), RULES))


def test_same_bytes_make_a_further_version_of_the_same_artifact(registry: Registry, tmp_path: Path) -> None:
    """A version is an event, an artifact is bytes."""
    path = model_file(tmp_path)
    first, second = registry.register(draft(), path), registry.register(draft(), path)

    assert (1, 2) == (first.number, second.number)
    assert first.artifact == second.artifact


@pytest.mark.parametrize("folder", [False, True])
def test_fetched_files_are_those_that_were_registered(registry: Registry, tmp_path: Path, *, folder: bool) -> None:
    """A file comes back under its name, and a folder with all that is in it."""
    path = model_file(tmp_path / "model")
    version = registry.register(draft(), path.parent if folder else path)

    laid = registry.fetch(version, tmp_path / "out" / "deep")

    assert tmp_path / "out" / "deep" / ("model" if folder else "model.joblib") == laid
    assert "weights" == (laid / "model.joblib" if folder else laid).read_text()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": "../wine"}, "name of a model"),
        ({"model": ""}, "name of a model"),
        ({"model": "x" * 64}, "name of a model"),
        ({"lineage": Lineage(parent=1)}, "no version 1"),
        ({"lineage": Lineage(parent=0)}, "no version 0"),
        ({"tags": {"a": "b\0"}}, "can't be kept"),
        ({"description": "\ud800"}, "can't be kept"),
        ({"created": NOON.replace(tzinfo=None)}, "without a zone"),
    ],
)
def test_what_cannot_be_registered_is_refused(
    registry: Registry, tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    """Names that can't be one, parents that are not there, texts that no database takes; nothing is left of it."""
    with pytest.raises(UsageError, match=words) as caught:
        registry.register(draft(**given), model_file(tmp_path))

    assert caught.value.remedy
    assert [] == list(registry.models())
    assert [] == list(registry.ledger())


def test_a_path_that_is_not_there_is_refused(registry: Registry, tmp_path: Path) -> None:
    """The message says where nothing is."""
    with pytest.raises(UsageError) as caught:
        registry.register(draft(), tmp_path / "nowhere.joblib")

    assert "nowhere.joblib" in str(caught.value)
    assert [] == list(registry.models())


def test_unknown_models_versions_and_stages_are_usage_errors(registry: Registry, tmp_path: Path) -> None:
    """Each says what there is instead."""
    (version,) = registered(registry, tmp_path)
    attempts: list[tuple[Callable[[], object], str, str]] = [
        (lambda: registry.versions("wein"), "no model 'wein'; did you mean 'wine'", "seatrial models list"),
        (lambda: registry.version("wein", 1), "no model", "seatrial models list"),
        (lambda: registry.version("wine", 2), "no version 2", "version 1"),
        (lambda: registry.version("wine", 0), "no version 0", "version 1"),
        (lambda: registry.holders("wein", "Staging"), "no model", "seatrial models list"),
        (lambda: registry.holders("wine", "Prod"), "no stage 'Prod'", "None, Staging, Production"),
        (lambda: registry.tag("wine", 7, {"a": "b"}), "no version 7", "version 1"),
        (lambda: registry.move(by_hand(replace(version, number=3))), "no version 3", "version 1"),
        (lambda: registry.move(by_hand(version, "Prod")), "no stage 'Prod'", "None, Staging, Production"),
    ]
    for attempt, what, remedy in attempts:
        with pytest.raises(UsageError, match=what) as caught:
            attempt()
        assert remedy in caught.value.remedy


def test_tags_are_set_and_removed_one_by_one(registry: Registry, tmp_path: Path) -> None:
    """The rest stays, removing one that is not there is nothing, and other versions keep theirs."""
    registry.register(draft(tags={"a": "1", "b": "2"}), model_file(tmp_path))
    registry.register(draft(tags={"a": "other"}), model_file(tmp_path))

    tagged = registry.tag("wine", 1, {"b": None, "c": "3", "a": "4", "z": None})

    assert {"a": "4", "c": "3"} == tagged.tags
    assert tagged == registry.version("wine", 1)
    assert [{"a": "other"}, {"a": "4", "c": "3"}] == [version.tags for version in registry.versions("wine")]


def test_registering_writes_a_line(registry: Registry, tmp_path: Path) -> None:
    """Who, when, and what it was made of."""
    (version,) = registered(registry, tmp_path)

    (line,) = registry.ledger()

    assert (1, NOON, EntryKind.REGISTERED, "wine", 1, "", "None", ADA) == (
        line.seq,
        line.at,
        line.kind,
        line.model,
        line.number,
        line.source,
        line.to,
        line.actor,
    )
    assert ("c0ffee", "md5:1", "sha256:2", version.artifact.digest) == (
        line.commit,
        line.data,
        line.stack,
        line.artifact,
    )


def test_people_set_open_stages(registry: Registry, tmp_path: Path) -> None:
    """Several versions may be in Staging, and go back from there; stages are named in any case."""
    one, two = registered(registry, tmp_path, 2)

    (line,) = registry.move(by_hand(one, "staging", reason="looks good"))
    registry.move(by_hand(two))

    assert ("None", "Staging", ADA, "looks good", None) == (line.source, line.to, line.actor, line.reason, line.run)
    assert [1, 2] == [version.number for version in registry.holders("wine", "STAGING")]
    registry.move(by_hand(one, "None"))
    assert ["None", "Staging"] == [registry.version("wine", number).stage for number in (1, 2)]


def test_people_do_not_set_production(registry: Registry, tmp_path: Path) -> None:
    """They are told why, and which command would do it."""
    (version,) = registered(registry, tmp_path)

    with pytest.raises(UsageError, match="only by a promotion run that passed") as caught:
        registry.move(by_hand(version, "Production"))

    assert "seatrial promote wine --version 1" in caught.value.remedy
    assert "None" == registry.version("wine", 1).stage


def test_a_promotion_that_passed_sets_production(registry: Registry, tmp_path: Path) -> None:
    """The line cites the run, its report and its evidence."""
    (version,) = registered(registry, tmp_path)
    registry.keep(evidence(version))

    (line,) = registry.move(promotion(version))

    assert ("run-1", "sha256:report", CI) == (line.run, line.report, line.actor)
    assert line.evidence is not None
    assert [registry.version("wine", 1)] == list(registry.holders("wine", "Production"))


def test_a_newcomer_displaces_the_holder(registry: Registry, tmp_path: Path) -> None:
    """Both change in one step, and both have a line."""
    one, two = registered(registry, tmp_path, 2)
    promote(registry, one)
    registry.keep(evidence(two, "run-2"))

    lines = registry.move(promotion(two, "run-2"))

    assert [("displaced", 1, "Production", "None"), ("moved", 2, "None", "Production")] == told(lines)
    assert {"run-2"} == {line.run for line in lines}
    assert [one.artifact.digest, two.artifact.digest] == [line.artifact for line in lines]
    assert ["None", "Production"] == [registry.version("wine", number).stage for number in (1, 2)]


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR])
def test_a_promotion_that_did_not_pass_is_refused(registry: Registry, tmp_path: Path, verdict: Verdict) -> None:
    """The message names the verdict."""
    (version,) = registered(registry, tmp_path)
    registry.keep(evidence(version, verdict=verdict))

    with pytest.raises(UsageError, match=f"run-1 ended with {verdict.value}"):
        registry.move(promotion(version))

    assert 1 == len(registry.ledger())


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"number": 2}, "tried wine@2"),
        ({"model": "digits"}, "tried digits@1"),
        ({"artifact": "sha256:0"}, "other files"),
        ({"run": "run-2"}, "no evidence of run run-1"),
    ],
)
def test_evidence_has_to_be_of_this_version(
    registry: Registry, tmp_path: Path, other: dict[str, Any], words: str
) -> None:
    """Of its model, its number and its very files; a run without evidence proves nothing."""
    (version,) = registered(registry, tmp_path)
    registry.keep(replace(evidence(version), **other))

    with pytest.raises(UsageError, match=words) as caught:
        registry.move(promotion(version))

    assert "seatrial promote wine --version 1" in caught.value.remedy
    assert "None" == registry.version("wine", 1).stage


def test_evidence_is_kept_once(registry: Registry, tmp_path: Path) -> None:
    """The same again changes nothing, other findings of the same run are refused, and it reads as it was kept."""
    (version,) = registered(registry, tmp_path)
    found = evidence(version, baseline=7)
    registry.keep(found)
    registry.keep(found)

    with pytest.raises(UsageError, match="found something else before"):
        registry.keep(replace(found, verdict=Verdict.FAIL))

    assert (found, None) == (registry.evidence("run-1"), registry.evidence("run-2"))


def test_the_same_move_of_a_run_changes_nothing_more(registry: Registry, tmp_path: Path) -> None:
    """A workflow that goes on after a crash gets the lines of the first time, also if others moved on since."""
    one, two, three = registered(registry, tmp_path, 3)
    promote(registry, one)
    registry.keep(evidence(two, "run-2"))
    first = registry.move(promotion(two, "run-2", expected=(1,)))
    promote(registry, three, "run-3")

    again = registry.move(promotion(two, "run-2", expected=(1,), at=after(60)))

    assert list(first) == list(again)
    assert [3] == [version.number for version in registry.holders("wine", "Production")]


def test_staying_where_it_is_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    """A person who sets the stage that a version has gets no error and writes no line; so does another run."""
    (version,) = registered(registry, tmp_path)
    registry.move(by_hand(version))
    assert [] == list(registry.move(by_hand(version, at=after(2))))
    promote(registry, version)
    registry.keep(evidence(version, "run-2"))
    lines = len(registry.ledger())

    assert [] == list(registry.move(promotion(version, "run-2")))
    assert [] == list(registry.move(by_hand(version, "Production")))
    assert lines == len(registry.ledger())


def test_whoever_comes_second_is_told(registry: Registry, tmp_path: Path) -> None:
    """What was decided against an older holder is refused, with who changed it and when."""
    one, two, three = registered(registry, tmp_path, 3)
    promote(registry, one)
    for version in (two, three):
        registry.keep(evidence(version, f"run-{version.number}", baseline=1))
    registry.move(promotion(two, "run-2", expected=(1,)))

    with pytest.raises(UsageError, match="Production moved from 1 to 2 meanwhile") as caught:
        registry.move(promotion(three, "run-3", expected=(1,)))

    assert "by ci-account on 2026-05-01 at 12:06 UTC, run run-2" in caught.value.what
    assert "seatrial promote wine --version 3" in caught.value.remedy
    assert [2] == [version.number for version in registry.holders("wine", "Production")]


def test_an_empty_stage_may_be_expected(registry: Registry, tmp_path: Path) -> None:
    """Two first promotions: the second learns that the stage was taken."""
    one, two = registered(registry, tmp_path, 2)
    registry.keep(evidence(one))
    registry.keep(evidence(two, "run-2"))
    registry.move(promotion(one, expected=()))

    with pytest.raises(UsageError, match="Production went to 1 meanwhile"):
        registry.move(promotion(two, "run-2", expected=()))


def test_production_is_not_left_by_hand(registry: Registry, tmp_path: Path) -> None:
    """Taking the production version away is as much a decision as putting one there."""
    (version,) = registered(registry, tmp_path)
    promote(registry, version)

    for to in ("None", "Staging"):
        with pytest.raises(UsageError, match="left only when another version is promoted"):
            registry.move(by_hand(version, to))

    assert "Production" == registry.version("wine", 1).stage


def test_glass_is_broken_only_where_that_is_allowed(registry: Registry, tmp_path: Path) -> None:
    """By default it isn't."""
    (version,) = registered(registry, tmp_path)

    with pytest.raises(UsageError, match="allows nobody to break the glass"):
        registry.move(by_hand(version, "Production", break_glass=True, reason="fire"))


def test_broken_glass_needs_a_reason_and_a_person_and_stands_out(
    opening: Callable[[StageRules], Registry], tmp_path: Path
) -> None:
    """The line is of a kind of its own; the way back is the same."""
    registry = opening(GLASS)
    one, two = registered(registry, tmp_path, 2)
    promote(registry, one)
    wish = by_hand(two, "Production", break_glass=True)
    for refused, words in [
        (wish, "needs a reason"),
        (replace(wish, reason=" "), "needs a reason"),
        (replace(wish, reason="fire", actor=CI), "only a person"),
        (replace(wish, reason="fire", run="run-1"), "needs no broken glass"),
    ]:
        with pytest.raises(UsageError, match=words):
            registry.move(refused)

    lines = registry.move(replace(wish, reason="fire"))
    back = registry.move(by_hand(two, "None", break_glass=True, reason="out"))

    assert [("displaced", 1, "Production", "None"), ("broke glass", 2, "None", "Production")] == told(lines)
    assert [("broke glass", 2, "Production", "None")] == told(back)
    assert {"fire"} == {line.reason for line in lines}
    assert () == verify(registry.books(), GLASS)


def test_glass_is_not_broken_where_there_is_none(opening: Callable[[StageRules], Registry], tmp_path: Path) -> None:
    """An open stage is set as ever, whatever was asked for."""
    registry = opening(GLASS)
    (version,) = registered(registry, tmp_path)

    (line,) = registry.move(by_hand(version, break_glass=True))

    assert EntryKind.MOVED is line.kind


def test_a_project_names_its_own_stages(opening: Callable[[StageRules], Registry], tmp_path: Path) -> None:
    """Named people set one, one version holds another, and who is displaced goes where the project says."""
    registry = opening(OWN)
    one, two = registered(registry, tmp_path, 2)
    with pytest.raises(UsageError, match=r"carol@example.org may not set Shadow") as caught:
        registry.move(by_hand(one, "Shadow", actor=Actor(name="carol@example.org")))
    assert "ask ada@example.org or bob@example.org" == caught.value.remedy

    registry.move(by_hand(one, "Shadow"))
    registry.move(by_hand(one, "Champion"))
    lines = registry.move(by_hand(two, "champion"))
    promote(registry, two, to="Live")

    assert [("displaced", 1, "Champion", "Retired"), ("moved", 2, "New", "Champion")] == told(lines)
    assert ["Retired", "Live"] == [registry.version("wine", number).stage for number in (1, 2)]
    assert () == verify(registry.books(), OWN)


def test_the_ledger_is_asked_by_model_version_and_time(registry: Registry, tmp_path: Path) -> None:
    """In the order of its lines; the time itself is included."""
    one, two = registered(registry, tmp_path, 2)
    (other,) = registered(registry, tmp_path, 1, "digits")
    registry.move(by_hand(one, at=after(1)))
    registry.move(by_hand(other, at=after(2)))
    registry.move(by_hand(two, at=after(3)))

    def seqs(entries: Any) -> list[int]:
        return [entry.seq for entry in entries]

    assert [1, 2, 3, 4, 5, 6] == seqs(registry.ledger())
    assert [1, 2, 4, 6] == seqs(registry.ledger("wine"))
    assert [2, 6] == seqs(registry.ledger("wine", number=2))
    assert [1, 2, 3, 4, 5] == seqs(registry.ledger(before=after(2)))
    assert [1, 2] == seqs(registry.ledger("wine", before=after(0.99999)))
    assert [] == seqs(registry.ledger("nothing"))


def test_an_eventful_ledger_holds_together(registry: Registry, tmp_path: Path) -> None:
    """After registrations, moves, promotions and refusals nothing is wrong with it, also by a head noted on the way."""
    one, two, three = registered(registry, tmp_path, 3)
    registry.move(by_hand(one))
    promote(registry, one)
    noted = registry.books().head.digest
    registry.tag("wine", 2, {"a": "b"})
    promote(registry, two, "run-2")
    with pytest.raises(UsageError):
        registry.move(by_hand(three, "Production"))

    books = registry.books()

    assert () == verify(books, RULES, noted=noted)
    assert (list(registry.ledger()), books.entries[-1].digest) == (list(books.entries), books.head.digest)
    assert {("wine", 1): "None", ("wine", 2): "Production", ("wine", 3): "None"} == dict(books.stages)
    assert {1, 2, 3} == {version.number for version in books.versions or ()}


def test_lines_chain(registry: Registry, tmp_path: Path) -> None:
    """Numbers without gaps; each line knows the digest of the one before."""
    registered(registry, tmp_path, 3)

    lines: list[LedgerEntry] = list(registry.ledger())

    assert [1, 2, 3] == [line.seq for line in lines]
    assert ["", *(line.digest for line in lines[:-1])] == [line.previous for line in lines]


@pytest.mark.parametrize("text", ["näin 🍷", "'; DROP TABLE registry_ledger; --", "a\nb", "%s {x} :y"])
def test_any_text_is_kept_as_it_is(registry: Registry, tmp_path: Path, text: str) -> None:
    """Names, reasons and URLs come back as they were given, and the chain holds."""
    (version,) = registered(registry, tmp_path)
    registry.tag("wine", 1, {text: text})
    registry.keep(evidence(version, text, url=text, report=text))

    registry.move(promotion(version, text, actor=Actor(name=text, via=text), reason=text))

    line = registry.ledger()[-1]
    assert (text, text, text, text) == (line.actor.name, line.actor.via, line.reason, line.run)
    assert {text: text} == registry.version("wine", 1).tags
    assert () == verify(registry.books(), RULES)


@pytest.mark.parametrize("text", ["a\0b", "\udfff"])
def test_texts_that_no_database_takes_are_refused(registry: Registry, tmp_path: Path, text: str) -> None:
    """Everywhere alike, with a remedy, and before anything is written."""
    (version,) = registered(registry, tmp_path)
    for attempt in (
        lambda: registry.move(by_hand(version, reason=text)),
        lambda: registry.keep(evidence(version, text)),
        lambda: registry.tag("wine", 1, {"a": text}),
        lambda: registry.tag("wine", 1, {text: None}),
    ):
        with pytest.raises(UsageError, match="can't be kept"):
            attempt()
    assert 1 == len(registry.ledger())


def test_a_move_without_a_name_is_refused(registry: Registry, tmp_path: Path) -> None:
    """The ledger says who did it, or it isn't done."""
    (version,) = registered(registry, tmp_path)

    with pytest.raises(UsageError, match="isn't known who"):
        registry.move(by_hand(version, actor=Actor(name=" ")))


def test_missing_files_are_an_error_and_leave_nothing(registry: Registry, tmp_path: Path) -> None:
    """What can't be verified isn't there."""
    (version,) = registered(registry, tmp_path)
    broken = replace(version, artifact=replace(version.artifact, digest="sha256:" + "0" * 64))

    with pytest.raises(PermanentError):
        registry.fetch(broken, tmp_path / "out")

    assert not (tmp_path / "out" / "model.joblib").exists()
