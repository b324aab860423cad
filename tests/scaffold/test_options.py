"""Names and addresses are checked once, against everything that will see them."""

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from seatrial.records import UsageError
from seatrial.scaffold import Ci, ProjectOptions, check_name, choose_ci, parse_forge

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@pytest.mark.parametrize("name", ["wine", "Wine_2", "a", "A-b", "x" * 40])
def test_good_names_are_taken_as_they_are(name: str) -> None:
    """Letters, digits, - and _ are taken, in either case."""
    assert name == check_name(name)


@pytest.mark.parametrize(
    "name", ["", "9x", "-x", "x-", "x_", "a b", "a/b", "../x", "wine.git", "ä", "x" * 41, "a\n", "$(x)", "a;b"]
)
def test_bad_names_are_refused(name: str) -> None:
    """Whatever some shell, path, job or Kubernetes object could not bear is refused."""
    with pytest.raises(UsageError, match="can't be the name"):
        check_name(name)


def test_a_refusal_names_a_name_that_would_do() -> None:
    """Where a good name is near, the remedy has it."""
    with pytest.raises(UsageError, match="'my-wine-model' would do"):
        check_name("2 my wine.model!")


@pytest.mark.parametrize("name", ["true", "No", "NULL", "on", "y"])
def test_names_that_yaml_takes_for_something_else_are_refused(name: str) -> None:
    """They would be truth values in a pipeline."""
    with pytest.raises(UsageError, match="no text in YAML"):
        check_name(name)


@given(st.one_of(st.text(max_size=50), st.from_regex(r"[A-Za-z0-9_-]{1,41}", fullmatch=True)))
def test_whatever_is_taken_is_fit_for_all(text: str) -> None:
    """A name that is taken needs no quoting, in YAML neither, is one path component, and has a DNS label."""
    try:
        name = check_name(text)
    except UsageError:
        return
    label = ProjectOptions(name=name, ci=Ci.TEKTON, seatrial="0").label

    assert name == shlex.quote(name)
    assert "/" not in name
    assert name == YAML(typ="safe", pure=True).load(name)
    assert _LABEL.fullmatch(f"{label}-model-ci-12345")


@pytest.mark.parametrize(
    ("url", "page", "clone"),
    [
        ("https://github.com/you/wine", "https://github.com/you/wine", "https://github.com/you/wine.git"),
        ("https://github.com/you/wine.git", "https://github.com/you/wine", "https://github.com/you/wine.git"),
        ("http://[::1]:3000/a/b/", "http://[::1]:3000/a/b", "http://[::1]:3000/a/b.git"),
        (
            "https://dev.azure.com/sea/My%20Project/_git/wine",
            "https://dev.azure.com/sea/My%20Project/_git/wine",
            "https://dev.azure.com/sea/My%20Project/_git/wine",
        ),
    ],
)
def test_an_address_is_a_page_and_something_to_clone(url: str, page: str, clone: str) -> None:
    """`.git` and the last slash are no part of the page; Azure's addresses are cloned as they are."""
    assert (page, clone) == (parse_forge(url).url, parse_forge(url).clone_url)


@pytest.mark.parametrize(
    ("url", "organization", "project"),
    [
        ("https://dev.azure.com/sea/My%20ships/_git/wine", "https://dev.azure.com/sea", "My ships"),
        ("https://sea.visualstudio.com/ships/_git/wine", "https://sea.visualstudio.com", "ships"),
        ("https://tfs.example.org/all/ships/_git/wine", "https://tfs.example.org/all", "ships"),
        ("https://github.com/you/wine", "", ""),
    ],
)
def test_azure_addresses_name_organisation_and_project(url: str, organization: str, project: str) -> None:
    """In the path or in the host; other forges have neither."""
    assert (organization, project) == (parse_forge(url).organization, parse_forge(url).azure_project)


@pytest.mark.parametrize(
    "url",
    [
        *("", "wine", "github.com/you/wine", "git@github.com:you/wine.git", "file:///etc", "https://github.com"),
        *("https://github.com/you", "https://github.com/you/wine?x=1", "https://github.com/you/wi ne", "https:///a/b"),
        *("https://github.com/you/$(x)", "https://dev.azure.com/sea/ships", "https://dev.azure.com/sea/_git/wine"),
        *("https://[/a/b", "https://github.com/a/b\"'", "https://a b/c/d"),
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    """What is no web address of a repository is refused, with an example of one."""
    with pytest.raises(UsageError, match=r"https://github\.com/you/wine"):
        parse_forge(url)


def test_a_password_is_refused_and_not_repeated() -> None:
    """It would be written into files, and a message would show it too."""
    with pytest.raises(UsageError) as refusal:
        parse_forge("https://me:secret@github.com/you/wine")

    assert "password" in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("asked", "url", "expected"),
    [
        (None, None, Ci.GITHUB),
        (None, "https://gitlab.com/you/wine", Ci.GITLAB),
        (None, "https://dev.azure.com/sea/ships/_git/wine", Ci.AZURE),
        (None, "https://git.example.org/you/wine", Ci.GITHUB),
        (Ci.JENKINS, "https://github.com/you/wine", Ci.JENKINS),
        (Ci.AZURE, "https://github.com/you/wine", Ci.AZURE),
        (Ci.GITLAB, "https://git.example.org/you/wine", Ci.GITLAB),
    ],
)
def test_pipelines_suit_the_place(asked: Ci | None, url: str | None, expected: Ci) -> None:
    """What was asked for, else what is at home where the repository will be."""
    assert expected == choose_ci(asked, parse_forge(url) if url else None)


def test_pipelines_that_would_never_run_are_refused() -> None:
    """GitLab's jobs do not run at GitHub."""
    with pytest.raises(UsageError, match=r"do not run at github\.com"):
        choose_ci(Ci.GITLAB, parse_forge("https://github.com/you/wine"))
