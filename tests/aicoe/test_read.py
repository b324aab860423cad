"""`.aicoe-ci.yaml` and `.thoth.yaml` are read with their systems' defaults, and whatever is not understood is said."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.config.aicoe import read_aicoe, read_thoth
from seatrial.records import UsageError
from seatrial.records.aicoe import AicoeBuild, AicoeConfig, AicoeDeploy, AicoeGather, ThothConfig
from tests.aicoe.making import overlay

WHOLE = """\
check: [overlays-build]
release: [upload-pypi]
overlays_dir: environments
overlays:
- name: inference
  build:
    base-image: quay.io/org/s2i-thoth-ubi8-py38:v0.28.0
    build-stratergy: Source
    build-source-script: "image:///opt/app-root/builder"
    dockerfile-path: Dockerfile
    custom_tag: 1.10
    registry: quay.example
    registry-org: org
    registry-project: project
    registry-secret: a-secret
    arch: s390x
  deploy:
    project-org: org
    project-name: name
    image-name: image
    overlay-contextpath: manifests/overlays/inference/imagestreamtag.yaml
  gather: {overlay-name: test-model, name: gather_metrics}
"""


def aicoe(text: str) -> AicoeConfig:
    """What a file says."""
    return read_aicoe(text.encode(), where=".aicoe-ci.yaml")


def thoth(text: str) -> ThothConfig:
    """What a file says."""
    return read_thoth(text.encode(), where=".thoth.yaml")


def test_every_key_of_an_overlay_is_read() -> None:
    """Both spellings of the strategy and of the tag are known, and a version stays as it is written."""
    config = aicoe(WHOLE)

    (found,) = config.overlays
    build = AicoeBuild(
        base_image="quay.io/org/s2i-thoth-ubi8-py38:v0.28.0",
        strategy="Source",
        source_script="image:///opt/app-root/builder",
        dockerfile="Dockerfile",
        custom_tag="1.10",
        registry="quay.example",
        registry_org="org",
        registry_project="project",
        registry_secret="a-secret",
        arch="s390x",
    )
    assert build == found.build
    context = "manifests/overlays/inference/imagestreamtag.yaml"
    assert AicoeDeploy(project_org="org", project_name="name", image_name="image", context=context) == found.deploy
    assert AicoeGather(overlay="test-model", name="gather_metrics") == found.gather
    assert (("overlays-build",), ("upload-pypi",), "environments", ()) == (
        config.check,
        config.release,
        config.overlays_dir,
        config.notes,
    )


@pytest.mark.parametrize("key", ["build-strategy", "build-stratergy"])
def test_both_spellings_of_the_strategy_are_known(key: str) -> None:
    """The misspelt one is the one that the field uses most."""
    (found,) = aicoe(f"overlays:\n{overlay(build=f'{{{key}: Dockerfile}}')}").overlays
    assert found.build is not None
    assert "Dockerfile" == found.build.strategy


def test_what_a_file_leaves_out_has_the_defaults_of_its_system() -> None:
    """Registry, organisation and project are those of AICoE-CI."""
    (found,) = aicoe(f"overlays:\n{overlay(build='{}', deploy='{}')}").overlays
    assert (
        AicoeBuild(registry="quay.io", registry_org="thoth-station"),
        AicoeDeploy(project_name="thoth-application"),
    ) == (
        found.build,
        found.deploy,
    )


def test_an_overlay_says_what_it_lacks() -> None:
    """Those that only build are there, but not among the complete ones."""
    text = f"overlays:\n{overlay('one', deploy='', gather='')}{overlay('two')}{overlay('three', gather='{overlay-name: x}')}"

    config = aicoe(text)

    assert [("one", ("deploy", "gather")), ("two", ()), ("three", ("gather.name",))] == [
        (each.name, each.lacking) for each in config.overlays
    ]
    assert ["two"] == [each.name for each in config.complete]


def test_unknown_keys_are_said_with_their_line_and_are_not_fatal() -> None:
    """The nearest known key is suggested."""
    text = f"owner: me\noverlays:\n{overlay(build='{build-strategi: Source}')}"

    notes = aicoe(text).notes

    assert (
        ".aicoe-ci.yaml:4: unknown key 'overlays[0].build.build-strategi' was left out; did you mean 'build-strategy'?",
        ".aicoe-ci.yaml:1: unknown key 'owner' was left out",
    ) == notes


def test_overlays_without_a_name_or_with_the_same_one_are_told_apart() -> None:
    """Neither takes the place of another."""
    text = "overlays:\n- build: {}\n- {name: model}\n- {name: model}\n"
    assert ["overlay-1", "model", "model-2"] == [each.name for each in aicoe(text).overlays]
    assert ["overlays[0] has no name and is called overlay-1"] == [
        note for note in aicoe(text).notes if "no name" in note
    ]


@pytest.mark.parametrize(
    "text", ["check: [thoth-build]\nbuild: {}\n", "overlays: []\n", "overlays: null\n", "overlays: x\n"]
)
def test_a_file_without_overlays_is_a_clear_error(text: str) -> None:
    """It is what most repositories without deployments have."""
    with pytest.raises(UsageError, match="names no overlays") as caught:
        aicoe(text)
    assert ".aicoe-ci.yaml" == caught.value.where
    assert "overlays:" in caught.value.remedy


def test_bad_yaml_names_its_line() -> None:
    """As it does in `seatrial.yaml`."""
    with pytest.raises(UsageError, match="not YAML") as caught:
        aicoe("overlays:\n- name: [\n")
    assert caught.value.where.startswith(".aicoe-ci.yaml:")


def test_merged_mappings_are_read() -> None:
    """Overlays often share their registry by an anchor."""
    text = "overlays:\n- name: a\n  build: &b {registry: quay.example, registry-org: o}\n- name: c\n  build: {<<: *b, registry-org: p}\n"
    built = [each.build for each in aicoe(text).overlays]
    assert [("quay.example", "o"), ("quay.example", "p")] == [
        (b.registry, b.registry_org) for b in built if b is not None
    ]


def test_runtime_environments_are_read() -> None:
    """A Python without quotes is no number."""
    text = """\
host: khemenu.example
tls_verify: false
requirements_format: pip
overlays_dir: overlays
managers: [{name: update}]
runtime_environments:
- name: fast
  operating_system: {name: ubi, version: 8}
  hardware: {cpu_family: 6, cpu_model: 85}
  python_version: 3.10
  cuda_version: "11.0"
  recommendation_type: performance
  platform: linux-x86_64
- name: plain
"""
    config = thoth(text)

    fast = config.environment("fast")
    assert fast is not None
    assert ("3.10", "ubi", "8", "6", "85", "11.0", "performance", "linux-x86_64") == (
        fast.python,
        fast.system,
        fast.system_version,
        fast.cpu_family,
        fast.cpu_model,
        fast.cuda,
        fast.recommendation,
        fast.platform,
    )
    assert ("khemenu.example", False, "pip", "overlays", ()) == (
        config.host,
        config.tls_verify,
        config.requirements_format,
        config.overlays_dir,
        config.notes,
    )


def test_a_file_without_environments_is_a_clear_error() -> None:
    """Many repositories have one for their bots alone."""
    with pytest.raises(UsageError, match="names no runtime environments"):
        thoth("managers: [{name: update}]\n")


@given(st.text())
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    """No file ends in a traceback, and every refusal has a remedy."""
    for read in (aicoe, thoth):
        error = refused(read, text)
        assert error is None or error.remedy


def refused(read: Callable[[str], object], text: str) -> UsageError | None:
    """The error for a file; None for one that is read."""
    try:
        read(text)
    except UsageError as error:
        return error
    return None
