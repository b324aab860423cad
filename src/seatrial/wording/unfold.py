"""Markdown for places that fold nothing: what `inert.details` folds is laid open, with its summary as a bold line."""

import re

_FENCE = re.compile(r"^(`{3,})")
_SUMMARY = re.compile(r"^<summary>(.*)</summary>$")
_TAGS = frozenset({"<details>", "</details>"})


def unfolded(markdown: str) -> str:
    """The same text without `<details>`; blocks of code are left as they are."""
    if "<details>" not in markdown:
        return markdown
    kept: list[str] = []
    fence = ""
    opened = False
    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if line == fence else fence
        elif mark:
            fence = mark[1]
        elif line in _TAGS:
            opened = True
            continue
        if opened and not line and (not kept or not kept[-1]):
            continue  # one of the two blank lines around a tag that is gone
        opened = False
        kept.append(line if fence else _SUMMARY.sub(r"<b>\1</b>", line))
    return "\n".join(kept).rstrip("\n")
