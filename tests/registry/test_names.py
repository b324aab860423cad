"""How people name a version, and what they are told where there is none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import StageRules, UsageError
from seatrial.registry.names import VersionName, find_version, read_name
from seatrial.testing import MemoryRegistry
from tests.registry.registering import by_hand, promote, registered

RULES = StageRules()


@pytest.fixture
def registry(tmp_path: Path) -> MemoryRegistry:
    """Wine in four versions, of which 2 and 3 are in Staging and 1 is in Production, and an untouched forest."""
    registry = MemoryRegistry()
    versions = registered(registry, tmp_path, 4)
    promote(registry, versions[0])
    for version in versions[1:3]:
        registry.move(by_hand(version))
    registered(registry, tmp_path, 1, model="forest")
    return registry


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wine", VersionName(model="wine")),
        (" wine ", VersionName(model="wine")),
        ("wine@3", VersionName(model="wine", number=3)),
        ("wine@003", VersionName(model="wine", number=3)),
        ("wine@Staging", VersionName(model="wine", word="Staging")),
        ("wine @ Staging", VersionName(model="wine", word="Staging")),
        ("team@wine@3", VersionName(model="team@wine", number=3)),
        ("wine@٣", VersionName(model="wine", word="٣")),
    ],
)
def test_a_name_is_read(text: str, expected: VersionName) -> None:
    """The last @ counts, because names of models elsewhere may hold one."""
    assert expected == read_name(text)


@pytest.mark.parametrize("text", ["", "@", "@3", "wine@", " @ ", "wine@12345678901234567890"])
def test_what_names_nothing_is_refused(text: str) -> None:
    """The message shows what was written."""
    with pytest.raises(UsageError, match="names no version"):
        read_name(text)


@given(st.text())
def test_any_text_is_a_name_or_refused(text: str) -> None:
    """Nothing else happens."""
    try:
        name = read_name(text)
    except UsageError:
        return
    assert name.model
    assert not (name.number is not None and name.word)


@pytest.mark.parametrize(
    ("text", "number"),
    [("wine@2", 2), ("wine", 4), ("wine@latest", 4), ("wine@LATEST", 4), ("wine@production", 1), ("wine@None", 4)],
)
def test_a_version_is_found(registry: MemoryRegistry, text: str, number: int) -> None:
    """By number, by stage whatever its case, or as the latest; a model's name alone is its latest."""
    assert ("wine", number) == (find_version(text, registry, RULES).model, find_version(text, registry, RULES).number)


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("wime", "there is no model 'wime'; did you mean 'wine'", "seatrial models list"),
        ("wime@Staging", "there is no model 'wime'", "seatrial models list"),
        ("wine@9", "wine has no version 9", "versions 1 to 4"),
        ("wine@0", "wine has no version 0", "versions 1 to 4"),
        ("wine@Prod", "there is no stage 'Prod'", "None, Staging, Production"),
        ("wine@Staging", "2 versions of wine hold Staging", "wine@2, wine@3"),
        ("forest@Production", "no version of forest holds Production", "the latest is forest@1"),
    ],
)
def test_a_name_that_leads_nowhere_is_explained(registry: MemoryRegistry, text: str, what: str, remedy: str) -> None:
    """With what was probably meant."""
    with pytest.raises(UsageError) as caught:
        find_version(text, registry, RULES)

    assert what in caught.value.what
    assert remedy in caught.value.remedy


def test_where_a_version_is_changed_it_has_to_be_named(registry: MemoryRegistry) -> None:
    """Otherwise the latest one would be, which may be somebody else's by now."""
    with pytest.raises(UsageError, match="which version") as caught:
        find_version("wine", registry, RULES, bare=False)

    assert "wine@4" in caught.value.remedy
    assert 4 == find_version("wine@latest", registry, RULES, bare=False).number
