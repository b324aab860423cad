"""Models, versions and the ledger as people read them."""

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.records import Actor, Artifact, EntryKind, LedgerEntry, Lineage, ModelSummary, ModelVersion
from seatrial.records.serving import Field, Form, Kind, Signature, Tensor
from seatrial.registry.diff import diff_versions
from seatrial.registry.history import standing_at
from seatrial.registry.text import (
    diff_grid,
    ledger_grid,
    models_grid,
    standing_grid,
    tags_text,
    version_facts,
    versions_grid,
)
from seatrial.testing import MemoryRegistry
from seatrial.wording.grid import Grid
from tests.registry.registering import ADA, GLASS, NOON, OWN, RULES, after, by_hand, promote, registered

VERSION = ModelVersion(
    model="wine",
    number=3,
    artifact=Artifact(digest="sha256:" + "a" * 64, name="wine", folder=True, size=1536, files=2),
    stage="Staging",
    creator=ADA,
    created=NOON,
    lineage=Lineage(commit="c0ffee" * 6 + "abcd", branch="main", data="md5:" + "1" * 32, parent=2),
    flavour="sklearn",
    signature=Signature(form=Form.COLUMNS, fields=(Field(name="pH", minimum=0.0, maximum=14.0, optional=True),)),
    metrics={"accuracy": 0.123456789},
    tags={"team": "wine"},
    description="wider",
)
HOSTILE = "a\x1b[31mred\u202e\n\nb"


def cells(grid: Grid, row: int = 0) -> dict[str, str]:
    """One row by heading."""
    return dict(zip(grid.headings, grid.rows[row], strict=True))


def test_models_have_a_column_for_every_stage_but_the_first() -> None:
    """With the numbers of those who hold it; stages that the project no longer has are shown as long as somebody does."""
    summary = ModelSummary(
        name="wine", versions=1200, latest=1200, updated=NOON, holders={"Live": (3,), "Shadow": (4, 5), "Gone": (1,)}
    )

    found = cells(models_grid([summary], OWN))

    assert ["model", "versions", "latest", "Shadow", "Champion", "Retired", "Live", "Gone", "updated"] == list(found)
    assert ("1,200", "1200", "4, 5", "–", "3", "1") == tuple(
        found[name] for name in ("versions", "latest", "Shadow", "Champion", "Live", "Gone")
    )


def test_versions_show_the_metrics_that_most_have() -> None:
    """Two of them, so that a row stays one."""
    others = [
        replace(VERSION, metrics={"auc": 0.5, "accuracy": 1.0}),
        replace(VERSION, metrics={"auc": 0.4, "rare": 1.0}),
    ]

    grid = versions_grid([VERSION, *others])

    assert ("version", "stage", "accuracy", "auc", "commit", "registered", "by") == grid.headings
    assert ("wine@3", "Staging", "0.123457", "–", "c0ffeec0ffee", "2026-05-01 12:00", "ada@example.org") == grid.rows[0]


def test_everything_about_a_version_is_there() -> None:
    """By topic, and nothing that is not known."""
    facts = version_facts(VERSION)

    assert ["wine@3", "artifact", "made from", "takes", "metrics", "tags"] == list(facts)
    assert "2026-05-01 12:00 by ada@example.org (git config user.email)" == facts["wine@3"]["registered"]
    assert {"name": "wine/", "size": "1.50 KiB, 2 files", "digest": "sha256:" + "a" * 64} == facts["artifact"]
    assert ["commit", "data", "parent"] == list(facts["made from"])
    assert "wine@2" == facts["made from"]["parent"]
    assert {"pH": "number from 0 to 14, optional"} == facts["takes"]
    assert ["wine@3", "artifact"] == list(
        version_facts(replace(VERSION, lineage=Lineage(), signature=None, metrics={}, tags={}))
    )


@pytest.mark.parametrize(
    ("field", "told"),
    [
        (Field(name="x"), "number"),
        (Field(name="x", minimum=0.0), "number from 0"),
        (Field(name="x", maximum=1.5), "number up to 1.5"),
        (Field(name="x", kind=Kind.STRING, choices=("red", "white")), "string of red, white"),
    ],
)
def test_a_column_is_told_in_a_few_words(field: Field, told: str) -> None:
    """Its kind, range and choices."""
    signature = Signature(form=Form.COLUMNS, fields=(field,))

    assert {"x": told} == version_facts(replace(VERSION, signature=signature))["takes"]


def test_of_many_columns_the_first_are_shown() -> None:
    """And how many there are besides; of an array its shape."""
    fields = tuple(Field(name=f"x{number}") for number in range(64))
    many = version_facts(replace(VERSION, signature=Signature(form=Form.COLUMNS, fields=fields)))["takes"]
    image = Signature(form=Form.TENSORS, tensors=(Tensor(name="image", dtype="float32", shape=(None, 8, 8)),))

    assert (16, "and 49 more") == (len(many), many["…"])
    assert {"image": "float32 [any × 8 × 8]"} == version_facts(replace(VERSION, signature=image))["takes"]


def test_differences_stand_side_by_side() -> None:
    """Digests cut short, figures with how far they went."""
    other = replace(
        VERSION,
        number=4,
        artifact=replace(VERSION.artifact, digest="sha256:" + "b" * 64),
        metrics={"accuracy": 0.2},
        lineage=replace(VERSION.lineage, data="spring 2026"),
        signature=replace(
            VERSION.signature or Signature(form=Form.JSON),
            fields=(Field(name="pH"), Field(name="alcohol", choices=(1, 2))),
        ),
    )

    grid = diff_grid(diff_versions(VERSION, other))

    assert ("part", "name", "wine@3", "wine@4") == grid.headings
    assert {
        ("artifact", "digest", "aaaaaaaaaaaa", "bbbbbbbbbbbb"),
        ("metrics", "accuracy", "0.123457", "0.2 (+0.0765)"),
        ("lineage", "data", "111111111111", "spring 2026"),
        (
            "signature",
            "pH",
            "kind=number dtype=float64 minimum=0.0 maximum=14.0 optional=true",
            "kind=number dtype=float64",
        ),
        ("signature", "alcohol", "–", "kind=number dtype=float64 choices=[1,2]"),
    } == set(grid.rows)


def test_the_ledger_tells_who_did_what(tmp_path: Path) -> None:
    """Broken glass stands out; a run is told from a person."""
    registry = MemoryRegistry(GLASS)
    first, second = registered(registry, tmp_path, 2)
    promote(registry, first)
    registry.move(by_hand(second, "Production", break_glass=True, reason="the site is down", at=after(9)))

    rows = ledger_grid(registry.ledger()).rows

    assert [
        "registered",
        "registered",
        "None → Production",
        "Production → None (displaced)",
        "BROKE GLASS None → Production",
    ] == [row[3] for row in rows]
    assert ("3", "2026-05-01 12:06", "wine@1", "None → Production", "a run of ci-account", "run-1", "–") == rows[2]
    assert "the site is down" == rows[4][6]
    assert registry.ledger()[0].digest[7:19] == ledger_grid(registry.ledger(), digests=True).rows[0][5]


def test_what_held_a_stage_is_told_with_its_line(tmp_path: Path) -> None:
    """Since when, by whom, on which run."""
    registry = MemoryRegistry(RULES)
    promote(registry, registered(registry, tmp_path)[0])

    grid = standing_grid(standing_at(registry.ledger(), after(30)), after(30))

    assert {
        "stage": "Production",
        "at 2026-05-01 12:30 UTC": "wine@1",
        "since": "2026-05-01 12:06",
        "by": "a run of ci-account",
        "run": "run-1",
    } == cells(grid)


def test_tags_stand_on_one_line() -> None:
    """By name."""
    assert "a=1, b=2" == tags_text({"b": "2", "a": "1"})
    assert "no tags" == tags_text({})


def test_nothing_that_others_wrote_reaches_the_terminal_as_it_is() -> None:
    """Names, tags, reasons, metrics and columns, with colours, line ends and characters that turn the text round."""
    version = replace(
        VERSION,
        model=HOSTILE,
        stage=HOSTILE,
        description=HOSTILE,
        flavour=HOSTILE,
        metrics={HOSTILE: 1.0},
        tags={HOSTILE: HOSTILE},
        creator=Actor(name=HOSTILE, via=HOSTILE),
        lineage=Lineage(commit=HOSTILE, branch=HOSTILE, data=HOSTILE, stack=HOSTILE, run=HOSTILE),
        artifact=replace(VERSION.artifact, name=HOSTILE),
        signature=Signature(form=Form.COLUMNS, fields=(Field(name=HOSTILE, choices=(HOSTILE,)),)),
    )
    entry = LedgerEntry(
        seq=1,
        at=NOON,
        kind=EntryKind.MOVED,
        model=HOSTILE,
        number=1,
        source=HOSTILE,
        to=HOSTILE,
        actor=version.creator,
        reason=HOSTILE,
        run=HOSTILE,
    )
    facts = version_facts(version)
    shown = [
        *versions_grid([version]).headings,
        *versions_grid([version]).rows[0],
        *facts,
        *(part for entries in facts.values() for pair in entries.items() for part in pair),
        *ledger_grid([entry]).rows[0],
        tags_text(version.tags),
        *(cell for row in diff_grid(diff_versions(VERSION, version)).rows for cell in row),
        *models_grid(
            [ModelSummary(name=HOSTILE, versions=1, latest=1, updated=NOON, holders={HOSTILE: (1,)})], RULES
        ).rows[0],
    ]

    assert [] == [text for text in shown if not text.isprintable()]
