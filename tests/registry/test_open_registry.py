"""`wiring.open_registry` finds the project's registry, or the folder's own."""

from pathlib import Path

import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.records import RegistrySpec, StageRules, UsageError
from seatrial.wiring import open_registry
from tests.registry.registering import draft, model_file

MINIMAL = """\
requests: {file: requests.jsonl, label: label}
deployments: {model: {run: python server.py}}
"""


def configured(folder: Path, registry: str) -> Path:
    """A project with this `registry:`."""
    folder.mkdir(exist_ok=True)
    (folder / "seatrial.yaml").write_text(f"{MINIMAL}registry: {registry}\n")
    return folder


def test_a_folder_without_a_project_has_a_registry_of_its_own(tmp_path: Path) -> None:
    """Everything in its workspace, with the default stages."""
    with open_registry(tmp_path) as tools:
        tools.registry.register(draft(), model_file(tmp_path))

    assert (StageRules(), RegistrySpec()) == (tools.rules, tools.spec)
    assert (tmp_path, tmp_path / ".seatrial") == (tools.project, tools.root)
    assert isinstance(tools.clock, SystemClock)
    assert (tmp_path / ".seatrial" / "registry.db").is_file()
    with open_registry(tmp_path) as tools:
        (version,) = tools.registry.versions("wine")
        assert tools.store.has(version.artifact.digest)


def test_a_project_says_where_and_which_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    """`${NAME}` in the URL comes from the environment, and stays out of what is handed on."""
    monkeypatch.setenv("REGISTRY_URL", postgres_url)
    stages = "{New: {}, Live: {several: false, gate: promotion}}"
    project = configured(tmp_path, f"{{url: '${{REGISTRY_URL}}', stages: {stages}, break_glass: true}}")

    with open_registry(project) as tools:
        version = tools.registry.register(draft(), model_file(tmp_path))

    assert ("New", True, "${REGISTRY_URL}") == (version.stage, tools.rules.break_glass, tools.spec.url)
    assert not (tmp_path / ".seatrial" / "registry.db").exists()


def test_a_relative_path_counts_from_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the command was started; folders are made."""
    project = configured(tmp_path / "project", "{url: 'sqlite:///shared/all.db', artifacts: files}")
    monkeypatch.chdir(tmp_path)

    with open_registry(Path("project")) as tools:
        tools.registry.register(draft(), model_file(tmp_path))

    assert (project / "shared" / "all.db").is_file()
    assert (project / "files").is_dir()


def test_a_variable_that_is_not_set_is_a_usage_error(tmp_path: Path) -> None:
    """The message names it, and where it is asked for."""
    project = configured(tmp_path, "'${NOWHERE_SET_URL}'")

    with pytest.raises(UsageError, match="NOWHERE_SET_URL") as caught, open_registry(project):
        pass

    assert "registry.url" in caught.value.where


@pytest.mark.parametrize("url", ["mysql://host/db", "no url"])
def test_a_url_of_another_kind_is_a_usage_error(tmp_path: Path, url: str) -> None:
    """The remedy says which there are."""
    with pytest.raises(UsageError) as caught, open_registry(configured(tmp_path, f"'{url}'")):
        pass

    assert "PostgreSQL" in caught.value.remedy or "postgresql://" in caught.value.remedy
