"""Models on an MLflow server: versions, tags and files, without any opinion on stages.

What the registry on MLflow is built from, and what copies models from and to a server that somebody else governs. Every
version has a run of the experiment `seatrial` that holds its files and metrics, so that MLflow's own pages show them.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from seatrial.adapters.registry.mlflow_files import describe, lay_downloaded
from seatrial.adapters.registry.mlflow_record import (
    DIGEST,
    PREFIX,
    STAGE,
    Record,
    read_record,
    record_of,
    to_keys,
    to_tags,
    to_version,
)
from seatrial.records import Actor, Artifact, ModelVersion, PermanentError, TemporaryError, UsageError, VersionDraft
from seatrial.registry.inputs import check_draft, check_texts
from seatrial.registry.numbers import no_model, no_version

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT: Final = "seatrial"
FILES: Final = "model"
PAGE: Final = 1000
_QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "GIT_PYTHON_REFRESH": "quiet",
}
_TEMPORARY: Final = {"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "INTERNAL_ERROR", "RESOURCE_EXHAUSTED"}


class MlflowModels:
    """The models of one server.

    Args:
        client: MLflow's.
        place: the server's address without user and password, for messages.
    """

    def __init__(self, client: "MlflowClient", place: str) -> None:
        self._client = client
        self.place = place

    def register(self, draft: VersionDraft, path: Path) -> ModelVersion:
        """Upload the file or folder and make the model's next version of it; bytes that are there are used again.

        The version's stage is empty. Raises UsageError for a path that is not there or a tag of ours.
        """
        check_draft(draft)
        check_tags(draft.tags)
        if not path.exists():
            raise UsageError("there is no model", where=str(path), remedy="name the file or folder that was trained")
        artifact = describe(
            path, name=path.resolve().name if path.name in {"", ".."} else path.name, folder=path.is_dir()
        )
        with self._speaking():
            self._make_model(draft.model)
            source, run = self._source(draft, artifact, path)
            made = self._client.create_model_version(
                draft.model,
                source=source,
                run_id=run,
                tags={**to_keys(draft.tags), **to_tags(record_of(draft, artifact))},
                description=draft.description or None,
                await_creation_for=0,
            )
        return to_version(made, "")

    def versions(self, model: str) -> Sequence[ModelVersion]:
        """A model's versions, newest first, each with MLflow's own stage; none if there is no such model.

        Aliases are tags of theirs (`mlflow.alias.champion`: `true`), so that a copy keeps them.
        """
        if all(model != each.name for each in self._pages("search_registered_models")):
            return []
        pointed = self.model(model).aliases or {}
        return [_with_aliases(to_version(found, _old_stage(found)), pointed) for found in self.found(model)]

    def models(self) -> Sequence[tuple[Any, Sequence[Any]]]:
        """MLflow's entities: each model with its versions, newest first, by name."""
        versions: dict[str, list[Any]] = {}
        for found in self._pages("search_model_versions", order_by=["version_number DESC"]):
            versions.setdefault(found.name, []).append(found)
        return [
            (model, versions.get(model.name, []))
            for model in sorted(self._pages("search_registered_models"), key=lambda each: each.name)
        ]

    def found(self, model: str, *, limit: int | None = None) -> Sequence[Any]:
        """MLflow's entities: a model's versions, newest first. Raises UsageError if there is no such model."""
        versions = []
        for found in self._pages(
            "search_model_versions", filter_string=f"name={_quoted(model)}", order_by=["version_number DESC"]
        ):
            versions.append(found)
            if len(versions) == limit:
                break
        if not versions:
            self.model(model)
        return versions

    def one(self, model: str, number: int) -> Any:  # noqa: ANN401 - MLflow's entity
        """MLflow's entity of one version. Raises UsageError that says which there are."""
        with self._speaking():
            try:
                return self._client.get_model_version(model, str(number))
            except _mlflow_exception() as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
        newest = self.found(model, limit=1)
        raise no_version(model, number, int(newest[0].version) if newest else 0)

    def model(self, model: str) -> Any:  # noqa: ANN401 - MLflow's entity
        """MLflow's entity of a model. Raises UsageError if there is none."""
        with self._speaking():
            try:
                return self._client.get_registered_model(model)
            except _mlflow_exception() as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
        raise no_model(model, [each.name for each in self._pages("search_registered_models")])

    def adopt(self, found: Any) -> Any:  # noqa: ANN401 - MLflow's entities
        """Write our record beside a version that somebody registered without seatrial; its entity as it is then."""
        if read_record(found.tags or {}) is not None:
            return found
        with tempfile.TemporaryDirectory(prefix="seatrial-") as room:
            path = self._download(found, Path(room))
            artifact = describe(path, name=_name_of(found, path), folder=True)
        record = self._record_of_foreign(found, artifact)
        self.tag(found.name, int(found.version), to_tags(record))
        return self.one(found.name, int(found.version))

    def tag(self, model: str, number: int, tags: Mapping[str, str | None]) -> None:
        """Set tags, remove those that are None."""
        with self._speaking():
            for name, value in to_keys(tags).items():
                if value is None:
                    self._client.delete_model_version_tag(model, str(number), name)
                else:
                    self._client.set_model_version_tag(model, str(number), name, value)

    def tag_model(self, model: str, name: str, value: str) -> None:
        """Set one tag of a model."""
        with self._speaking():
            self._client.set_registered_model_tag(model, name, value)

    def point(self, model: str, alias: str, number: int | None) -> None:
        """Let an alias lead to a version, or to none."""
        with self._speaking():
            if number is None:
                self._client.delete_registered_model_alias(model, alias)
            else:
                self._client.set_registered_model_alias(model, alias, str(number))

    def fetch(self, version: ModelVersion, folder: Path) -> Path:
        """Lay the version's files below `folder`.

        Raises PermanentError if they are not what was registered; those of a version that seatrial does not know are
        taken as they are.
        """
        found = self.one(version.model, version.number)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".downloading-", dir=folder) as room:
            downloaded = self._download(found, Path(room))
            artifact = version.artifact
            if not artifact.digest:
                artifact = describe(downloaded, name=artifact.name, folder=True)
            return lay_downloaded(artifact, downloaded, folder)

    def _make_model(self, model: str) -> None:
        try:
            self._client.create_registered_model(model)
        except _mlflow_exception() as error:
            if error.error_code == "INVALID_PARAMETER_VALUE":
                raise UsageError(
                    f"MLflow does not take {model!r} as a name", where=self.place, remedy=str(error)
                ) from None
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _source(self, draft: VersionDraft, artifact: Artifact, path: Path) -> tuple[str, str]:
        """Where MLflow has these bytes, and the run that holds them; uploaded now if it has not."""
        query = f"name={_quoted(draft.model)} and tags.`{DIGEST}` = {_quoted(artifact.digest)}"
        for found in self._client.search_model_versions(query, max_results=1):
            record = read_record(found.tags or {})
            if record is not None and (record.artifact.name, record.artifact.folder) == (
                artifact.name,
                artifact.folder,
            ):
                return str(found.source), str(found.run_id)
        run = self._client.create_run(self._experiment(), run_name=f"{draft.model} {artifact.digest[7:19]}")
        with _without_links(path) as plain:
            if artifact.folder:
                self._client.log_artifacts(run.info.run_id, str(plain), FILES)
            else:
                self._client.log_artifact(run.info.run_id, str(plain), FILES)
        self._tell(run.info.run_id, draft)
        return f"{run.info.artifact_uri}/{FILES}", run.info.run_id

    def _tell(self, run: str, draft: VersionDraft) -> None:
        """What MLflow's own page of the run shows."""
        for name, value in draft.metrics.items():
            self._client.log_metric(run, name, value)
        facts = {"mlflow.source.git.commit": draft.lineage.commit, "mlflow.source.git.branch": draft.lineage.branch}
        for name, fact in facts.items():
            if fact:
                self._client.set_tag(run, name, fact)
        self._client.set_terminated(run)

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        try:
            return str(self._client.create_experiment(EXPERIMENT))
        except _mlflow_exception() as error:
            found = self._client.get_experiment_by_name(EXPERIMENT)
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or found is None:
                raise
            return str(found.experiment_id)

    def _download(self, found: Any, room: Path) -> Path:  # noqa: ANN401 - MLflow's entity
        from mlflow.artifacts import download_artifacts  # noqa: PLC0415 - MLflow is imported when it is used

        with self._speaking():
            uri = self._client.get_model_version_download_uri(found.name, str(found.version))
            return Path(
                download_artifacts(artifact_uri=uri, dst_path=str(room), tracking_uri=self._client.tracking_uri)
            )

    def _record_of_foreign(self, found: Any, artifact: Artifact) -> Record:  # noqa: ANN401 - MLflow's entity
        version = to_version(found, "")
        record = Record(artifact=artifact, creator=version.creator, created=version.created, lineage=version.lineage)
        if not found.run_id:
            return record
        with self._speaking():
            data = self._client.get_run(found.run_id).data
        lineage = replace(
            record.lineage,
            commit=data.tags.get("mlflow.source.git.commit"),
            branch=data.tags.get("mlflow.source.git.branch"),
        )
        user = data.tags.get("mlflow.user")
        creator = Actor(name=user, via="MLflow") if user else record.creator
        return replace(record, lineage=lineage, metrics=dict(data.metrics), creator=creator)

    def _pages(self, search: str, **options: Any) -> Iterator[Any]:  # noqa: ANN401 - MLflow's entities
        token: str | None = None
        while True:
            with self._speaking():
                page = getattr(self._client, search)(max_results=PAGE, page_token=token, **options)
            yield from page
            token = page.token
            if not token:
                return

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """MLflow's errors as ours."""
        try:
            yield
        except _mlflow_exception() as error:
            raise self._explained(error) from None

    def _without_secrets(self, text: str) -> str:
        """MLflow puts the address that it was given into its messages."""
        known = urlsplit(self._client.tracking_uri).netloc.rpartition("@")[0]
        return text.replace(f"{known}@", "") if known else text

    def _explained(self, error: Any) -> Exception:  # noqa: ANN401 - MLflow's exception
        first = self._without_secrets((str(error).splitlines() or [""])[0])[:300]
        code = getattr(error, "error_code", "")
        if code == "INVALID_PARAMETER_VALUE":
            return UsageError(f"MLflow refuses: {first}", where=self.place)
        if (
            code in {"PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"}
            or "401" in first
            or "403" in first
        ):
            return UsageError(
                "MLflow does not let us in",
                where=self.place,
                remedy="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
            )
        if code in _TEMPORARY:
            return TemporaryError(f"MLflow fails: {first}", where=self.place, remedy="is the server up? try again")
        return PermanentError(f"MLflow fails: {first}", where=self.place, remedy="look at the server's log")


def open_models(url: str) -> MlflowModels:
    """The models of the server at `url`. Raises UsageError if the client is not installed."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient  # noqa: PLC0415 - over a second, and only these registries need it
    except ModuleNotFoundError:
        raise UsageError("MLflow's client is not installed", remedy="pip install 'seatrial[mlflow]'") from None
    parts = urlsplit(url)
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return MlflowModels(MlflowClient(tracking_uri=url, registry_uri=url), place)


def check_tags(tags: Mapping[str, str | None]) -> None:
    """Refuse tags that we keep our own records in, and those that can't be kept. Raises UsageError."""
    check_texts(dict(tags), where="tags")
    for name in tags:
        if name.startswith(PREFIX):
            raise UsageError(
                f"the tag {name!r} is seatrial's own", remedy=f"choose a name that does not begin with {PREFIX}"
            )


def _quoted(text: str) -> str:
    """A string in MLflow's filter language, which knows no escapes: a name with both quotes can't be asked for."""
    if "'" not in text:
        return f"'{text}'"
    if '"' not in text:
        return f'"{text}"'
    raise UsageError(f"{text!r} can't be looked up in MLflow", remedy="use a name without quotation marks")


def _old_stage(found: Any) -> str:  # noqa: ANN401 - MLflow's entity
    stage = (found.tags or {}).get(STAGE) or getattr(found, "current_stage", None) or ""
    return "" if stage == "None" else str(stage)


def _with_aliases(version: ModelVersion, pointed: Mapping[str, Any]) -> ModelVersion:
    own = {f"mlflow.alias.{alias}": "true" for alias, number in pointed.items() if int(number) == version.number}
    return replace(version, tags={**version.tags, **own})


def _name_of(found: Any, path: Path) -> str:  # noqa: ANN401 - MLflow's entity
    return (found.source or "").rstrip("/").rpartition("/")[2] or path.name


@contextmanager
def _without_links(path: Path) -> Iterator[Path]:
    """The same files without links, which MLflow would leave out or take twice."""
    if not path.is_dir() or not any(each.is_symlink() for each in path.rglob("*")):
        yield path
        return
    from seatrial.registry.listing import files_of  # noqa: PLC0415 - rare

    with tempfile.TemporaryDirectory(prefix="seatrial-") as room:
        for name, file in files_of(path).items():
            target = Path(room) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        yield Path(room)


def _mlflow_exception() -> type[Any]:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - MLflow is imported when it is used

    return MlflowException
