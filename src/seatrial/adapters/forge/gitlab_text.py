"""Notes that GitLab takes as text and not as orders.

A line of a note that is `/close` or `/merge` is carried out with the rights of its author, who is the bot here; and a
comment quotes what a change printed. Such lines get a backslash, which Markdown does not show. GitLab skips code, but who
can end a code block early could get out of it, so that the backslash is put there as well.

Source: docs.gitlab.com/user/project/quick_actions.
"""

import re
from typing import Final

_ORDER: Final = re.compile(r"^([ \t]*)/(?!seatrial\b)(?=[A-Za-z_]+(?:\s|$))", re.MULTILINE)


def defused(body: str) -> str:
    """The text without orders for GitLab; those for seatrial itself stay as they are."""
    return _ORDER.sub(r"\1\\/", body)
