"""The plan says which cells run."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import Axis, Plan, Role, UsageError, Version
from seatrial.trial.plan import make_plan
from tests.trial.making import BASELINE, CANDIDATE, change, deployment, project


def ids(plan: Plan) -> list[str]:
    """The cells of a plan."""
    return [cell.id for cell in plan.cells]


def test_each_deployment_runs_in_both_versions() -> None:
    """One plus N: N deployments, each for baseline and candidate."""
    both = project(deployment("ridge"), deployment("forest"))
    plan = make_plan(change(Axis.CODE), both, both)
    assert ["ridge@baseline", "ridge@candidate", "forest@baseline", "forest@candidate"] == ids(plan)


def test_the_baseline_starts_by_its_own_configuration_and_is_judged_by_the_candidates() -> None:
    """A change of the start command is part of the change; a change of the requests is not."""
    old = project(replace(deployment(), run="old command", requests=None))
    new = project(replace(deployment(), run="new command"))
    cells = make_plan(change(), new, old).cells
    assert ["old command", "new command"] == [cell.deployment.run for cell in cells]
    assert {"requests.jsonl"} == {cell.deployment.requests.file for cell in cells if cell.deployment.requests}


def test_a_new_deployment_has_no_baseline() -> None:
    """It runs alone, and the plan says that it is new."""
    plan = make_plan(change(), project(deployment("forest")), project(deployment("ridge")))
    assert (["forest@candidate"], ("forest",), ("ridge",)) == (ids(plan), plan.added, plan.removed)


def test_only_chooses_deployments() -> None:
    """Nothing else is planned, and what was left out does not count as removed."""
    both = project(deployment("ridge"), deployment("forest"))
    plan = make_plan(change(), both, both, only=("forest",))
    assert (["forest@baseline", "forest@candidate"], ()) == (ids(plan), plan.removed)


def test_an_unknown_name_suggests_the_nearest() -> None:
    """`--only forrest` is probably `forest`."""
    with pytest.raises(UsageError, match="no deployment 'forrest'") as caught:
        make_plan(change(), project(), project(), only=("forrest",))
    assert "'forest'" in caught.value.remedy


def test_attribution_adds_a_cell_per_axis() -> None:
    """Each mixed cell is the baseline with one axis of the candidate."""
    mixed = {axis: Version(name=f"baseline+{axis.value}", tree="m" * 40) for axis in (Axis.CODE, Axis.DATA)}
    plan = make_plan(change(Axis.CODE, Axis.DATA), project(), project(), mixed=mixed)
    assert ["forest@baseline", "forest@candidate", "forest@baseline+code", "forest@baseline+data"] == ids(plan)
    assert [(Axis.CODE,), (Axis.DATA,)] == [cell.axes for cell in plan.cells if cell.role is Role.MIXED]


def test_the_number_of_cells_is_capped_with_a_remedy() -> None:
    """A plan too large names its size, the cap and what to do."""
    many = project(*(deployment(f"d{index}") for index in range(5)), max_cells=8)
    with pytest.raises(UsageError, match="10 cells, more than max_cells: 8") as caught:
        make_plan(change(), many, many)
    assert "--only" in caught.value.remedy


def test_a_running_service_can_be_the_baseline_of_one_deployment() -> None:
    """The baseline cell is the URL; nothing is started for it."""
    running = replace(change(), baseline=Version(name="baseline", url="http://127.0.0.1:9"))
    cells = make_plan(running, project(), project()).cells
    assert ("http://127.0.0.1:9", None) == (cells[0].deployment.url, cells[0].deployment.run)
    with pytest.raises(UsageError, match="is one service, but 2 deployments"):
        make_plan(running, project(deployment("a"), deployment("b")), project())


NAMES = st.lists(st.from_regex(r"[a-z]{1,4}", fullmatch=True), min_size=1, max_size=6, unique=True)


@given(NAMES, NAMES)
def test_every_cell_is_unique_and_every_candidate_runs(before: list[str], after: list[str]) -> None:
    """Whatever was added or removed: each of the candidate's deployments runs, with its baseline if there was one."""
    plan = make_plan(change(), project(*map(deployment, after)), project(*map(deployment, before)))
    assert len(plan.cells) == len(set(ids(plan)))
    assert after == [cell.deployment.name for cell in plan.cells if cell.version == CANDIDATE]
    assert set(after) & set(before) == {cell.deployment.name for cell in plan.cells if cell.version == BASELINE}
    assert set(after) - set(before) == set(plan.added)
    assert set(before) - set(after) == set(plan.removed)
