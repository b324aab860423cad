"""What a server asks for before it opens its model: which engine answers, and with which file.

An earlier verdict is taken from the cache without importing scikit-learn; else a child process compiles. Whatever goes
wrong there leaves the native engine, with the reason; only `--engine onnx` makes it an error.
"""

import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from seatrial.records.errors import UsageError
from seatrial.records.serving import Engine, EngineChoice, Signature
from seatrial.serve.compile.cache import Found, as_cached, default_folder, key_of, publish, read_entry, scratch
from seatrial.serve.compile.job import ChildFailedError, Job, run_child
from seatrial.serve.compile.verdict import Verdict, choose_engine
from seatrial.serve.compile.versions import versions
from seatrial.serve.loaders import digest_of, flavours
from seatrial.serve.loaders.trust import is_trusted
from seatrial.serve.options import EngineOption, ServeOptions
from seatrial.serve.signature import find

SECONDS: Final = 300.0
"""How long a compilation may take."""

_NEEDED: Final = ("sklearn", "skl2onnx", "onnxruntime")
_EXTRA: Final = "seatrial[onnx]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """How a model is to be opened.

    Attributes:
        choice: the engine that answers, and why.
        onnx: the compiled model to open instead of the artifact; None: open the artifact itself.
        signature: of the compiled model; None where the artifact says it itself.
        digest: of the artifact; None where nobody looked at it.
        stack: versions of the packages that compute in the compiled model; empty where the artifact is opened.
        name, version: from the signature file of the compiled model, where it has them.
        warnings: sentences for the log.
        temporary: a folder that holds `onnx` and is to be deleted when the server ends; None where it is kept.
    """

    choice: EngineChoice
    onnx: Path | None = None
    signature: Signature | None = None
    digest: str | None = None
    stack: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    version: str | None = None
    warnings: tuple[str, ...] = ()
    temporary: Path | None = None


def prepare(options: ServeOptions, *, sample: Path | None = None, seconds: float = SECONDS) -> Prepared:
    """Decide which engine answers; compile first where nobody has.

    Args:
        options: model, signature file, engine, tolerance, trusted digests, cache.
        sample: rows to check besides the sampled ones: `.json` (a list of rows) or `.npy` (rows, fields).
        seconds: after which a compilation is given up.

    Raises:
        UsageError: there is no such model or it may not be opened; or `--engine onnx` and no equal compiled model.
    """
    known = look_up(options, sample=sample)
    return known if known is not None else _Preparation.of(options, sample).compile(seconds)


def look_up(options: ServeOptions, *, sample: Path | None = None) -> Prepared | None:
    """What is known without compiling, in milliseconds; None where the model would have to be compiled.

    Raises:
        UsageError: as `prepare`.
    """
    if options.engine is EngineOption.NATIVE:
        return Prepared(choice=EngineChoice(engine=Engine.NATIVE, reason="The native engine was asked for."))
    flavour = flavours.identify(options.model)
    if flavour == flavours.ONNX:
        return Prepared(choice=EngineChoice(engine=Engine.ONNX, reason="The model is an ONNX file."))
    if not _is_sklearn(flavour, Path(options.model)):
        return _native(options, f"Only scikit-learn models are compiled; this one is of the flavour {flavour}.")
    return _Preparation.of(options, sample).known()


def export_onnx(
    options: ServeOptions, target: Path, *, sample: Path | None = None, seconds: float = SECONDS
) -> EngineChoice:
    """Write a checked ONNX file that serves without scikit-learn: names, ranges and classes are in its metadata.

    Args:
        options: model, signature file, tolerance, trusted digests, cache; the engine doesn't matter.
        target: the file to write; one that exists is replaced, at once and whole.
        sample: see `prepare`.
        seconds: see `prepare`.

    Raises:
        UsageError: it can't be compiled, or doesn't answer alike; or the target can't be written.
    """
    prepared = prepare(replace(options, engine=EngineOption.ONNX), sample=sample, seconds=seconds)
    try:
        if prepared.onnx is None:
            raise UsageError("the model is an ONNX file already", where=options.model, remedy="serve it as it is")
        _replace(target, prepared.onnx.read_bytes())
    except OSError as error:
        raise UsageError(f"the file can't be written: {error.strerror}", where=str(target)) from error
    finally:
        discard(prepared)
    return prepared.choice


def discard(prepared: Prepared) -> None:
    """Delete what was compiled for one run only, when the server ends."""
    if prepared.temporary is not None:
        shutil.rmtree(prepared.temporary, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Preparation:
    """One model that is scikit-learn's, as far as its file tells, and the place of its entry in the cache."""

    options: ServeOptions
    sample: Path | None
    digest: str
    cache: Path
    key: str

    @classmethod
    def of(cls, options: ServeOptions, sample: Path | None) -> "_Preparation":
        signature = options.signature or find(Path(options.model))
        digest = digest_of(options.model)
        key = key_of(
            artifact_digest=digest,
            signature_digest="" if signature is None else digest_of(signature),
            sample_digest="" if sample is None else digest_of(sample),
            tolerance=options.tolerance,
            versions=versions(),
        )
        cache = options.cache or default_folder(os.environ)
        return cls(options=options, sample=sample, digest=digest, cache=cache, key=key)

    def known(self) -> Prepared | None:
        """An earlier verdict, where it may be used: what is not trusted as a whole, its loader has to judge."""
        pinned = frozenset(self.options.trusted_digests)
        if pinned and not is_trusted([self.digest], pinned):
            return None
        found = read_entry(self.cache / self.key)
        return None if found is None else self._prepared(as_cached(found, cached=True))

    def compile(self, seconds: float) -> Prepared:
        """A verdict of our own."""
        missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            return self._native(f"It can't be compiled: {' and '.join(missing)} is missing (pip install '{_EXTRA}').")
        try:
            return self._compiled(seconds)
        except ChildFailedError as error:
            return self._native(f"It could not be compiled: {error}.")

    def _native(self, reason: str) -> Prepared:
        return replace(_native(self.options, reason), digest=self.digest)

    def _compiled(self, seconds: float) -> Prepared:
        with ExitStack() as stack:
            try:
                folder = stack.enter_context(scratch(self.cache))
            except OSError as error:
                return self._compiled_for_once(seconds, error)
            run_child(self._job(folder, seconds))
            try:
                target = publish(folder, self.cache, self.key)
            except OSError as error:
                return self._compiled_for_once(seconds, error)
            return self._found(target)

    def _compiled_for_once(self, seconds: float, reason: OSError) -> Prepared:
        """Compiles into a temporary folder that lives as long as the server."""
        folder = Path(tempfile.mkdtemp(prefix="seatrial-compiled-"))
        warning = f"compiled models can't be kept in {self.cache}: {reason.strerror}"
        with ExitStack() as unless_used:
            unless_used.callback(shutil.rmtree, folder, ignore_errors=True)
            run_child(self._job(folder, seconds))
            prepared = self._found(folder)
            prepared = replace(prepared, warnings=(*prepared.warnings, warning))
            if prepared.onnx is None:
                return prepared
            unless_used.pop_all()
        return replace(prepared, temporary=folder)

    def _job(self, folder: Path, seconds: float) -> Job:
        """Only what the compilation depends on; secrets of the server stay here."""
        options = ServeOptions(
            model=self.options.model,
            signature=self.options.signature,
            trusted_digests=self.options.trusted_digests,
            tolerance=self.options.tolerance,
        )
        return Job(options=options, digest=self.digest, folder=folder, sample=self.sample, seconds=seconds)

    def _found(self, folder: Path) -> Prepared:
        found = read_entry(folder)
        if found is None:
            msg = "the compilation left no result"
            raise ChildFailedError(msg)
        return self._prepared(as_cached(found, cached=False))

    def _prepared(self, found: Found) -> Prepared:
        entry = found.entry
        choice = choose_engine(self.options.engine, entry.verdict, model=self.options.model)
        if choice.engine is Engine.NATIVE:
            return Prepared(choice=choice, digest=self.digest)
        return Prepared(
            choice=choice,
            onnx=found.onnx,
            signature=entry.signature,
            digest=self.digest,
            stack=entry.stack,
            name=entry.name,
            version=entry.version,
            warnings=entry.warnings,
        )


def _is_sklearn(flavour: str, path: Path) -> bool:
    """Whether scikit-learn made it, as far as the files tell; MLflow notes its flavours in MLmodel."""
    if flavour != flavours.MLFLOW:
        return flavour == flavours.SKLEARN
    return re.search(r"^  sklearn:", (path / "MLmodel").read_text(errors="replace"), re.MULTILINE) is not None


def _native(options: ServeOptions, reason: str) -> Prepared:
    """The native engine, unless the other one is demanded."""
    verdict = Verdict(equal=False, faster=False, reason=reason)
    return Prepared(choice=choose_engine(options.engine, verdict, model=options.model))


def _replace(target: Path, content: bytes) -> None:
    """Writes a file beside its place and renames it."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
