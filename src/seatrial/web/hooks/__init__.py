"""Where forges tell the bot what happened: `POST /hooks/github`, `/hooks/gitlab`, `/hooks/gitea`.

Anybody can reach this door, so that it does little: it checks who knocks, reads the few fields that the bot needs, and
answers as soon as they are on the disk. What they mean is decided elsewhere (`seatrial.bot`).
"""

from seatrial.web.hooks.routes import HookDoor, hook_routes

__all__ = ["HookDoor", "hook_routes"]
