"""Folders of branches are safe, differ as their branches do, and can be read back."""

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from seatrial.records import UsageError
from seatrial.sync.names import branch_of, branches_above, folder_name, folder_of

BRANCHES = st.one_of(
    st.text(min_size=1, max_size=15).filter(lambda text: text.isascii() or not re.search("[\ud800-\udfff]", text)),
    st.binary(min_size=1, max_size=15).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)


@pytest.mark.parametrize(
    ("branch", "folder"),
    [
        ("main", "main"),
        ("feature/login", "feature~login"),
        ("feature/JIRA-7", "feature~JIRA-7~~f00"),
        ("Main", "Main~~1"),
        ("fix#12", "fix!2312"),
        ("dependabot/pip/numpy-2.1", "dependabot~pip~numpy-2.1"),
        ("ünï", "!c3!bcn!c3!af"),
        ("..", "!2e!2e"),
        ("../../etc", "!2e!2e~!2e!2e~etc"),
        (".git", "!2egit"),
        ("-rf", "!2drf"),
        ("a b", "a!20b"),
        ("/", "!2f"),
    ],
)
def test_names_of_folders(branch: str, folder: str) -> None:
    """What is plain stays readable; what could do harm is written otherwise."""
    assert folder == folder_name(branch)


@given(branch=BRANCHES)
@example("a//b")
@example("A~~1")
@example("x\udce9")
def test_a_branch_is_read_back_from_its_folder(branch: str) -> None:
    """Whatever it is called, also what git would not allow."""
    assert branch == branch_of(folder_name(branch))


@given(branch=BRANCHES)
def test_a_folder_is_one_safe_name(branch: str) -> None:
    """ASCII, no slash, no dot at its beginning, nothing that leads upwards."""
    folder = folder_name(branch)

    assert re.fullmatch(r"[A-Za-z0-9_!~][A-Za-z0-9._!~-]*", folder)
    assert ".." not in folder


@given(one=BRANCHES, other=BRANCHES)
@example("Feature/a", "feature/A")
@example("K", "k")
@example("a1", "A")
def test_other_branches_have_other_folders_where_case_counts_for_nothing(one: str, other: str) -> None:
    """So that they never overwrite each other."""
    assume(one != other)
    assert folder_name(one).casefold() != folder_name(other).casefold()


@given(case=st.text("aAbB/", min_size=1, max_size=6), other=st.text("aAbB/", min_size=1, max_size=6))
def test_branches_that_differ_in_case_have_other_folders(case: str, other: str) -> None:
    """The same, where it is close."""
    assert (case == other) == (folder_name(case).casefold() == folder_name(other).casefold())


@pytest.mark.parametrize("folder", ["Main", "a b", ".x", "a~~0", "a~~", "a!2", "a!61", "a/b", "", "é", "main~~1"])
def test_what_is_no_branchs_folder_is_none(folder: str) -> None:
    """Names that no branch is given are left to whoever made them."""
    assert None is branch_of(folder)


def test_a_name_that_no_folder_can_have_is_refused() -> None:
    """Rather than cut, which could make two branches one."""
    with pytest.raises(UsageError, match="too long"):
        folder_name("x" * 256)
    with pytest.raises(UsageError, match="empty"):
        folder_name("")


def test_the_template_is_filled_in() -> None:
    """Wherever the placeholders are; a project's name is made safe as well."""
    assert "ml_apps/wine/feature~x" == folder_of("ml_apps/{project}/{branch}", project="wine", branch="feature/x")
    assert "code-a~b/x" == folder_of("code-{branch}/{project}", project="x", branch="a/b")
    assert "{other}/main" == folder_of("{other}/{branch}", project="x", branch="main")


@pytest.mark.parametrize(
    "template",
    ["../{branch}", "/{branch}", "a//{branch}", "a/./{branch}", "{branch}/", ".seatrial/{branch}", "a\\{branch}"],
)
def test_a_template_that_leads_elsewhere_is_refused(template: str) -> None:
    """Nothing outside the target is ever named."""
    with pytest.raises(UsageError, match="no folder below the target"):
        folder_of(template, project="wine", branch="main")


def test_branches_are_listed_where_nothing_else_is() -> None:
    """The folder above holds this project's branches only."""
    assert "ml_apps/wine" == branches_above("ml_apps/{project}/{branch}", project="wine")


@pytest.mark.parametrize(
    "template", ["{branch}", "apps/{branch}", "{project}-{branch}", "{branch}/{project}", "{project}/x-{branch}"]
)
def test_branches_that_can_not_be_told_from_others_are_not_listed(template: str) -> None:
    """Otherwise another project's folder might be taken for that of a deleted branch."""
    with pytest.raises(UsageError, match="can't be told"):
        branches_above(template, project="wine")
