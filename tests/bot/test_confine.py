"""What a fork's trial sees of this machine: nothing that is not its own, and yet enough for a trial."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.bot.confine import Confinement, Mount, bwrap_command, limits, read_only, writable
from seatrial.records import TrialState, UsageError, Verdict
from tests.bot.trying import open_bot

PROBE = """\
import json, os, socket, sys
def tried(work):
    try:
        return str(work())
    except OSError as error:
        return f"refused: {error.strerror or error}"
_, port, pid, secret, checkout, packages = sys.argv
own = socket.create_server(("127.0.0.1", 0))
looks = {
    "environment": sorted(os.environ),
    "environ of the server": tried(lambda: open(f"/proc/{pid}/environ").read()),
    "processes": [each for each in os.listdir("/proc") if each.isdigit()],
    "listener": tried(lambda: socket.create_connection(("127.0.0.1", int(port)), 2)),
    "network": tried(lambda: socket.create_connection(("192.0.2.1", 80), 2)),
    "file": tried(lambda: open(secret).read()),
    "home": tried(lambda: os.listdir("/root")),
    "interpreter": tried(lambda: open(os.path.join(sys.prefix, "written"), "w")),
    "packages": tried(lambda: open(os.path.join(packages, "poison"), "w")),
    "own file": tried(lambda: open(os.path.join(checkout, "written"), "w").write("x")),
    "user": os.getuid(),
    "own loopback": tried(lambda: socket.create_connection(own.getsockname())),
}
print(json.dumps(looks))
"""


@pytest.fixture
def confinement(tmp_path: Path) -> Confinement:
    """That of this machine; a test is skipped where there is none."""
    found = Confinement(tmp_path / "cache" / "seatrial" / "stacks", {"XDG_CACHE_HOME": str(tmp_path / "cache")})
    try:
        found.check()
    except UsageError as refused:
        pytest.skip(refused.what)
    return found


def test_a_confined_program_sees_nothing_of_the_server(
    tmp_path: Path, confinement: Confinement, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not its environment, processes, files, caches to write to, or network; its own files and loopback it has."""
    monkeypatch.setenv("FORGE_TOKEN", "very-secret")
    secret = tmp_path / "server" / "seatrial.yaml"
    secret.parent.mkdir()
    secret.write_text("very-secret")
    packages = tmp_path / "cache" / "uv" / "wheels-v1"
    packages.mkdir(parents=True)
    folders = {name: tmp_path / "trial" / name for name in ("checkout", "out", "objects")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    (folders["checkout"] / "probe.py").write_text(PROBE)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        words = (str(port), str(os.getpid()), str(secret), str(folders["checkout"]), str(packages))
        command = confinement.command(
            (sys.executable, "probe.py", *words), private=tmp_path / "trial" / "private", **folders
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "" == done.stderr
    looks = json.loads(done.stdout)

    assert "FORGE_TOKEN" not in looks["environment"]
    assert "very-secret" not in done.stdout
    assert "refused: No such file or directory" == looks["environ of the server"]
    assert 3 >= len(looks["processes"])
    assert "refused: Connection refused" == looks["listener"]
    assert "refused: Network is unreachable" == looks["network"]
    assert "refused: No such file or directory" == looks["file"]
    assert "refused: Read-only file system" == looks["interpreter"]
    assert "refused: Read-only file system" == looks["packages"]
    assert ("1", 1000) == (looks["own file"], looks["user"])
    assert looks["own loopback"].startswith("<socket")
    assert (folders["checkout"] / "written").exists()
    assert [] == list(packages.iterdir())


@pytest.mark.slow
def test_a_forks_trial_passes_inside(tmp_path: Path, confinement: Confinement) -> None:
    """A real trial of a small project: built, started, driven and judged without a network, and published."""
    confinement.check()
    with open_bot(tmp_path) as bot:
        ended = bot.run(bot.pull(fork=True, README__md="mine"), confined=True)

        assert (TrialState.FINISHED, True) == (ended.state, ended.confined)
        assert bot.report().verdict in {Verdict.PASS, Verdict.INCONCLUSIVE}
        assert bot.report().deployments[0].comparisons
        assert [] == bot.left


def test_a_fork_is_confined_although_nobody_said_so(tmp_path: Path) -> None:
    """Only the forge's word counts; and where it can't be confined its code does not run."""
    nowhere = Confinement(tmp_path / "stacks", {})
    vars(nowhere)["_refusal"] = "bubblewrap (bwrap) is not installed"
    with open_bot(tmp_path, confinement=nowhere) as bot:
        ended = bot.run(bot.pull(fork=True, README__md="mine"))

        assert (TrialState.BROKEN, True) == (ended.state, ended.confined)
        assert "can't be confined: bubblewrap (bwrap) is not installed" in ended.why
        assert ["broken"] == bot.wall.words()


def test_no_bubblewrap_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="is not installed") as refused:
        Confinement(tmp_path, {}).check()

    assert "apt-get install bubblewrap" in refused.value.remedy


def test_the_command_is_data(tmp_path: Path) -> None:
    """Every namespace of its own, no environment but the given, mounts in their order, then the command."""
    mounts = (read_only(tmp_path), Mount("--symlink", "usr/bin", "/bin"), writable(tmp_path / "a", Path("/b")))
    words = bwrap_command(("python", "x"), mounts, {"A": "1"}, Path("/b"))

    assert ("--chdir", "/b", "--", "python", "x") == words[-5:]
    assert {
        "--unshare-net",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-user",
        "--clearenv",
        "--disable-userns",
    } <= set(words)
    at = words.index("--ro-bind")
    expected = (
        "--ro-bind",
        f"{tmp_path}",
        f"{tmp_path}",
        "--symlink",
        "usr/bin",
        "/bin",
        "--bind",
        f"{tmp_path}/a",
        "/b",
    )
    assert (*expected, "--setenv", "A", "1") == words[at : at + 12]
    assert 0 == limits()["CORE"]
