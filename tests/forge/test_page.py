"""`docs/reference/comment.md` shows what is really written."""

import re

import pytest

from seatrial.adapters.forge.gitea import GiteaForge
from seatrial.adapters.forge.github import GithubForge
from seatrial.adapters.forge.gitlab import GitlabForge
from seatrial.forge.marker import Outcome, project_token
from seatrial.ports import Forge
from tests.forge import example
from tests.forge.reading import dangers


def test_the_comment_of_the_page_is_made_by_the_code() -> None:
    """`python -m tests.forge.example` writes it anew."""
    assert example.example() == example.shown().text


def test_the_comment_of_the_page_is_harmless() -> None:
    """It links to the report and the run, and to nothing else."""
    links = set(re.findall(r"\(<(https://[^>]*)>\)", example.example()))
    assert len(links) == 3
    assert dangers(example.example().split("\n", 1)[1], frozenset(links)) == []


def test_the_page_names_every_outcome() -> None:
    """As the hidden state does."""
    page = example.PAGE.read_text(encoding="utf-8")
    assert all(f"`{outcome.value}`" in page for outcome in Outcome)
    assert project_token("digits") in example.example()


@pytest.mark.parametrize(
    ("name", "forge"),
    [
        ("GitHub", GithubForge("https://github.com", "", "x")),
        ("GitLab", GitlabForge("https://gitlab.com", "", "x")),
        ("Gitea, Forgejo", GiteaForge("https://gitea.example", "", "x")),
    ],
)
def test_the_page_says_what_each_forge_takes(name: str, forge: Forge) -> None:
    """As its adapter does."""
    limits = forge.limits
    figures = [f"{figure:,}" if figure else "–" for figure in (limits.comment, limits.summary, limits.annotations)]
    row = " | ".join([name, *figures, "Mermaid" if limits.mermaid else "text"])
    assert f"| {row} |" in example.PAGE.read_text(encoding="utf-8")
