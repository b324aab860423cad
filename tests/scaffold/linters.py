"""Linters of five CI systems, each fetched once from its own registry into the user's cache, never into the clone.

A linter that can't be had skips its tests and says what is missing. Where every part is installed (CI) a skip is a failure.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seatrial" / "linters"
HERE = Path(__file__).parent
_ACTIONLINT = "v1.7.7"
_JDP = "0.2.2"
_GROOVY = "2.4.21"  # the one inside Jenkins
_JOB_BUILDER = "6.5.0"
_WHOLE = "fetched"  # stands in the folder of a linter that is all there


@dataclass(frozen=True)
class Linted:
    """What a linter said, and whether it found nothing wrong."""

    clean: bool
    said: str


def actionlint(project: Path) -> Linted:
    """GitHub's workflows in a project's folder, with the scripts in them."""

    def fetch(place: Path) -> None:
        package = f"github.com/rhysd/actionlint/cmd/actionlint@{_ACTIONLINT}"
        _run(["go", "install", package], GOBIN=str(place))

    return _asked([_fetched("actionlint", _ACTIONLINT, "go", fetch) / "actionlint", "-no-color"], cwd=project)


def schema(name: str, files: Sequence[Path]) -> Linted:
    """Files against a schema that check-jsonschema brings along (`github-workflows`, `gitlab-ci`, `azure-pipelines`)."""
    program = Path(sys.executable).parent / "check-jsonschema"
    if not program.exists():
        pytest.skip("check-jsonschema is not installed")
    options = ["--builtin-schema", f"vendor.{name}", "--regex-variant", "nonunicode"]
    return _asked([program, *options, *files])


def tekton(files: Sequence[Path]) -> Linted:
    """Files as Tekton's admission webhook sees them: its Go code decodes and validates them."""
    return _asked([go_program("tektonlint", HERE / "tekton"), *files])


def go_program(name: str, folder: Path) -> Path:
    """A program of ours around somebody's Go code, built from the `main.go` and `go.mod` in `folder`."""

    def fetch(place: Path) -> None:
        source = place / "source"
        shutil.copytree(folder, source)
        _run(["go", "mod", "tidy"], cwd=source)
        _run(["go", "build", "-o", str(place / name), "."], cwd=source)

    version = hashlib.sha256((folder / "main.go").read_bytes() + (folder / "go.mod").read_bytes())
    return _fetched(name, version.hexdigest()[:12], "go", fetch) / name


def jenkinsfile(file: Path) -> Linted:
    """A Jenkinsfile: its declarative structure by jdp, all of its Groovy by the compiler that Jenkins has inside."""
    structure = _asked([_fetched("jdp", _JDP, "cargo", _fetch_jdp) / "bin" / "jdp", "check", file])
    return structure if not structure.clean else _compiled(file)


def _fetch_jdp(place: Path) -> None:
    _run(["cargo", "install", "--quiet", "--locked", "--root", str(place), "jdp", "--version", _JDP])


def _compiled(file: Path) -> Linted:
    def fetch(place: Path) -> None:
        artifact = f"-Dartifact=org.codehaus.groovy:groovy-all:{_GROOVY}"
        _run(["mvn", "-q", "-B", "dependency:copy", artifact, f"-DoutputDirectory={place}"])

    jar = _fetched("groovy", _GROOVY, "mvn", fetch) / f"groovy-all-{_GROOVY}.jar"
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "Jenkinsfile.groovy"
        shutil.copy(file, script)
        return _asked(["java", "-cp", jar, "org.codehaus.groovy.tools.FileSystemCompiler", "-d", folder, str(script)])


def jenkins_jobs(file: Path, out: Path) -> Linted:
    """Job definitions, made into the XML that Jenkins reads, in `out`, by Jenkins Job Builder."""

    def fetch(place: Path) -> None:
        _run(["uv", "venv", "--quiet", str(place / "venv")])
        packages = [f"jenkins-job-builder=={_JOB_BUILDER}", "setuptools<81"]
        _run(["uv", "pip", "install", "--quiet", "--python", str(place / "venv"), *packages])

    builder = _fetched("jenkins-job-builder", _JOB_BUILDER, "uv", fetch) / "venv" / "bin" / "jenkins-jobs"
    return _asked([builder, "test", file, "-o", out, "--config-xml"])


def _fetched(name: str, version: str, tool: str, fetch: Callable[[Path], None]) -> Path:
    """The folder of a linter, fetched by the first who asks; skips the test where that can't be done."""
    place = CACHE / f"{name}-{version}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / _WHOLE).exists():
            if shutil.which(tool, path=_environment()["PATH"]) is None:
                pytest.skip(f"{name} can't be fetched: {tool} is not installed")
            _fetch_into(place, name, fetch)
    return place


def _fetch_into(place: Path, name: str, fetch: Callable[[Path], None]) -> None:
    """Under its last name from the start, since a virtual environment can't be moved."""
    shutil.rmtree(place, ignore_errors=True)
    try:
        place.mkdir()
        fetch(place)
        (place / _WHOLE).touch()
    except subprocess.CalledProcessError as error:
        shutil.rmtree(place)
        pytest.skip(f"{name} can't be fetched: {str(error.stderr)[-300:]}")
    except BaseException:
        shutil.rmtree(place)
        raise


def _environment() -> dict[str, str]:
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    own = Path(sys.executable).parent
    return {
        "UV_SYSTEM_CERTS": "1" if bundle.exists() else "0",
        **os.environ,
        "PATH": os.pathsep.join([str(own), os.environ["PATH"]]),
    }


def _run(command: Sequence[str], cwd: Path | None = None, **more: str) -> None:
    env = {**_environment(), **more}
    subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=True)


def _asked(command: Sequence[str | Path], cwd: Path | None = None) -> Linted:
    env: Mapping[str, str] = _environment()
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    return Linted(clean=done.returncode == 0, said=done.stdout + done.stderr)
