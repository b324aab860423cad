"""What `registry`, `models`, `notify` and `sync` in seatrial.yaml come to, and what is refused."""

import pytest

from seatrial.config import read_project
from seatrial.records import (
    EventKind,
    NotifySpec,
    Project,
    PromotionSpec,
    RegistrySpec,
    StageGate,
    StageRules,
    StageSpec,
    SyncSpec,
    UsageError,
    Verdict,
)

SERVED = "requests: {file: r.jsonl}\ndeployments: {wine: {serve: models/wine.joblib --workers 2}}\n"
TWO = "requests: {file: r.jsonl}\ndeployments: {one: {serve: one.joblib}, two: {run: python app.py}}\n"


def read(text: str, base: str = SERVED) -> Project:
    """The project of a file that begins with `text`."""
    return read_project(text + base, where="seatrial.yaml", default_name="cellar")


def refusal(text: str, base: str = SERVED) -> str:
    """What is said of such a file."""
    with pytest.raises(UsageError) as caught:
        read(text, base)
    return str(caught.value)


def test_a_project_that_says_nothing_has_the_field_s_stages() -> None:
    """None, Staging for people, and Production for one version that passed."""
    project = read("")

    assert RegistrySpec() == project.registry
    assert ["None", "Staging", "Production"] == [stage.name for stage in project.registry.rules.stages]
    assert ((), (), None) == (project.promotions, project.notify, project.sync)


def test_a_bare_registry_is_its_url() -> None:
    """The shorthand and the mapping mean the same."""
    url = "postgresql://ada@db/models"

    assert (
        RegistrySpec(url=url) == read(f"registry: {url}\n").registry == read(f"registry: {{url: '{url}'}}\n").registry
    )


def test_stages_are_the_project_s_to_name_and_order() -> None:
    """Each with its gate, its people and where the displaced go."""
    given = """
registry:
  break_glass: true
  stages:
    New: {}
    Shadow: {people: [ada]}
    Live: {several: false, gate: promotion, displaced_to: Retired}
    Retired: {}
"""
    rules = read(given).registry.rules

    assert (
        StageRules(
            stages=(
                StageSpec(name="New"),
                StageSpec(name="Shadow", people=("ada",)),
                StageSpec(name="Live", several=False, gate=StageGate.PROMOTION, displaced_to="Retired"),
                StageSpec(name="Retired"),
            ),
            break_glass=True,
        )
        == rules
    )
    assert "Live" == rules.final.name


def test_promotion_leads_to_the_last_stage_where_none_is_guarded() -> None:
    """A project without gates still has somewhere to go."""
    assert "Done" == read("registry: {stages: {New: {}, Done: {}}}\n").registry.rules.final.name


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ("{Only: {}}", "two stages at least"),
        ("{new: {}, NEW: {}}", "differ in case only"),
        ("{First: {gate: promotion}, Second: {}}", "neither guarded nor held by one alone"),
        ("{First: {several: false}, Second: {}}", "neither guarded nor held by one alone"),
        ("{A: {}, B: {displaced_to: C}}", "there is no stage 'C'"),
        ("{A: {}, B: {several: false, displaced_to: B}}", "another stage that several may hold"),
        ("{A: {}, B: {several: false, displaced_to: C}, C: {several: false}}", "another stage that several may hold"),
    ],
)
def test_stages_that_cannot_work_are_refused(stages: str, said: str) -> None:
    """With the line, before any model is registered."""
    message = refusal(f"registry: {{stages: {stages}}}\n")

    assert said in message
    assert message.startswith("seatrial.yaml:1")


def test_a_model_takes_deployment_and_path_from_what_serves_it() -> None:
    """The only deployment, and the file in its `serve:`."""
    assert (PromotionSpec(model="red", deployment="wine", path="models/wine.joblib"),) == read(
        "models: {red: {}}\n"
    ).promotions


def test_a_model_of_a_deployment_s_name_is_served_by_that() -> None:
    """Where there are several, the name decides; tests may be named in short."""
    found = read("models: {two: {path: model, tests: [t.py, {behave: smoke}]}}\n", TWO).promotions

    assert (
        PromotionSpec(model="two", deployment="two", path="model", tests=(("pytest", "t.py"), ("behave", "smoke"))),
    ) == found


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("{red: {}}", "which deployment serves it isn't clear"),
        ("{red: {deployment: three}}", "there is no deployment 'three'"),
        ("{two: {}}", "where deployment 'two' expects the model's files isn't clear"),
        ("{one: {tests: [{pytest: a, behave: b}]}}", "exactly one of pytest and behave"),
    ],
)
def test_what_is_not_clear_of_a_model_is_asked_for(models: str, said: str) -> None:
    """Guessing wrong would promote the wrong thing."""
    assert said in refusal(f"models: {models}\n", TWO)


def test_receivers_have_names_that_show_no_secret() -> None:
    """The scheme and the place, where the file gives none."""
    given = "notify: ['slack://secret/token', {url: '${MAIL}', events: [promotion], verdicts: [fail], name: team}]\n"

    assert (
        NotifySpec(name="slack-1", url="slack://secret/token"),
        NotifySpec(name="team", url="${MAIL}", events=(EventKind.PROMOTION,), verdicts=(Verdict.FAIL,)),
    ) == read(given).notify


def test_two_receivers_of_one_name_are_refused() -> None:
    """Deliveries are told apart by it."""
    assert "two receivers are called 'team'" in refusal(
        "notify: [{url: 'a://b', name: team}, {url: 'c://d', name: team}]\n"
    )


def test_a_bare_sync_is_its_target() -> None:
    """Sources go to a folder a branch."""
    assert SyncSpec(target="s3://bucket/code") == read("sync: s3://bucket/code\n").sync


def test_a_sync_that_would_mix_branches_is_refused() -> None:
    """Every branch needs a folder of its own."""
    assert "overwrite each other" in refusal("sync: {target: out, folder: 'apps/{project}'}\n")
