"""The unit by which systemd starts a project's server at boot and keeps it running.

`KillMode=process`: when the unit is stopped or restarted, systemd ends the server and nothing else, so that an upgrade of
seatrial restarts no model; the next server takes over what runs. Source: systemd.service(5), systemd.exec(5),
systemd.kill(5), systemd.resource-control(5).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.records import UsageError

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFacts:
    """What the unit is made of.

    Attributes:
        project: absolute path of its folder.
        python: that has seatrial.
        user: who runs it; empty for a unit of the user's own systemd.
        environment: variables that the server needs and systemd doesn't set.
    """

    project: Path
    python: Path
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the unit's file: `seatrial-wine.service`."""
        return f"seatrial-{_UNSAFE.sub('-', self.project.name).strip('-') or 'project'}.service"


def unit_file(facts: UnitFacts) -> str:
    """The text of the unit. Raises UsageError for a path that no unit can hold."""
    project, python = _checked(facts.project), _checked(facts.python)
    own = not facts.user
    command = " ".join(map(_quoted, (python, "-P", "-m", "seatrial", "server", "--project", project)))
    place = f"~/.config/systemd/user/{facts.name}" if own else f"/etc/systemd/system/{facts.name}"
    option = " --user" if own else ""
    secrets = _path(f"{project}/.seatrial/server.env")
    lines = [
        f"# {place}; then: systemctl{option} daemon-reload && systemctl{option} enable --now {facts.name}",
        *(["# so that it runs while you are not logged in: loginctl enable-linger"] if own else []),
        "[Unit]",
        f"Description=seatrial server of {_path(facts.project.name)}",
        *([] if own else ["Wants=network-online.target", "After=network-online.target"]),
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=exec",
        *([] if own else [f"User={facts.user}"]),
        f"WorkingDirectory={_path(project)}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in sorted(facts.environment.items())),
        "# What ${NAME} in seatrial.yaml and --env stands for: one NAME=value a line.",
        f"EnvironmentFile=-{secrets}",
        f"ExecStart={command}",
        "# Models outlive the server; the next one takes them over.",
        "KillMode=process",
        "Restart=always",
        "RestartSec=2",
        "# Limits of models are control groups of their own. DelegateSubgroup needs systemd 254; older ones ignore it.",
        "Delegate=yes",
        "DelegateSubgroup=server",
        "",
        "[Install]",
        f"WantedBy={'default.target' if own else 'multi-user.target'}",
    ]
    return "\n".join(lines) + "\n"


def _checked(path: Path) -> str:
    text = str(path)
    if not text.isprintable() or not path.is_absolute():
        raise UsageError(f"{text!r} can't stand in a unit file", remedy="move it to a path without control characters")
    return text


def _path(text: str) -> str:
    """A value that is no command line: only specifiers have to be escaped."""
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """One word of a command line."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return plain if re.fullmatch(r"[A-Za-z0-9_./:=@+,%-]+", plain) else f'"{plain}"'
