"""The reader of the other tests sees what a forge would do."""

import pytest

from tests.forge.reading import dangers


@pytest.mark.parametrize(
    "markdown",
    [
        "hello @alice", "see #1", "GH-1", "a/b#1", "a/b!1", "&1", "%1", "costs $1", "~bug", "[vulnerability:1]", ":tada:", "SHIP-1",
        "https://evil.example", "www.evil.example", "/close", "words\n/close", "```text\n/close\n```", "![x](y)", "[x](y)",
        "<https://evil.example>", "<img src=x>", "a <b onclick=x>b</b>", "<!-- hidden -->", "a <!-- hidden --> b", "a\u202eb",
        "a\u200bb", "| @alice |\n| --- |\n| x |", "*x*", "~~x~~", "---", "<details>\n<summary>@alice</summary>\n</details>",
        "```evil\nx\n```", "<sub>@alice</sub>", "<script>x</script>", "- #1",
    ],
)  # fmt: skip
def test_what_a_forge_would_act_on_is_seen(markdown: str) -> None:
    """Each by itself."""
    assert dangers(markdown)


@pytest.mark.parametrize(
    "markdown",
    [
        "plain words, 95% of them", "`@alice #1`", "```text\n@alice #1 https://x\n```", "<code>@alice</code>", "**bold**",
        "a <span>$</span>1", "<details>\n<summary>x &#64; y</summary>\n\nz\n\n</details>",
        "<!-- seatrial:earlier -->\n<details>\n</details>", "12:15:44 UTC",
    ],
)  # fmt: skip
def test_what_is_harmless_is_not(markdown: str) -> None:
    """Code is left alone by forges."""
    assert dangers(markdown) == []
