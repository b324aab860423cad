"""How an overlay starts, found without building its image.

Its manifests may say it, its Dockerfile, or the conventions of the Python source-to-image builder. These are
(github.com/sclorg/s2i-python-container): `.s2i/environment` may name APP_SCRIPT, APP_FILE or APP_MODULE; without them an
`app.sh` is run, else an `app.py`; else gunicorn serves APP_MODULE or `wsgi.py`; else Django's `manage.py` does.
"""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from seatrial.config.aicoe.dockerfile import Image, Words, read_dockerfile
from seatrial.config.aicoe.files import Files, has, inside, joined, text_of
from seatrial.config.aicoe.manifests import Manifest
from seatrial.records.aicoe import AicoeBuild

PORT: Final = 8080
SOURCE_ROOT: Final = "/opt/app-root/src"
DOCKERFILES: Final = ("Dockerfile", "Containerfile")
_ENVIRONMENT: Final = ".s2i/environment"
_BUILDERS_RUN: Final = re.compile(r"(?:^|/)s2i/(?:bin/)?run$|/bin/run$|libexec/s2i/run$")
_PROGRAMS: Final = re.compile(
    r"/(?:usr/(?:local/)?|opt/[^ ]*/|root/[^ ]*/|home/[^ ]*/|venv/|app/\.?venv/)?s?bin/([^/]+)"
)
_SHEBANG: Final = re.compile(r"#!\s*(?:/usr/bin/env\s+(?:-S\s+)?)?(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How something starts.

    Attributes:
        words: of the command; empty where there is a text for a shell, or none is known.
        shell: text for a shell.
        env: that the image brings.
        folder: of the project that it starts in; empty: the project's own.
        ports: that it may insist on.
        base: image that it begins with.
        requirements: files that its Dockerfile gives to pip.
        how: in words, what was understood.
        problem: why no command is known.
    """

    words: Words = ()
    shell: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    ports: tuple[int, ...] = (PORT,)
    base: str = ""
    requirements: Words = ()
    how: str = ""
    problem: str = ""


def find_start(build: AicoeBuild, manifest: Manifest, files: Files, packages: frozenset[str]) -> Start:
    """How an overlay starts.

    Args:
        build: of the overlay.
        manifest: how it is deployed.
        files: of the project.
        packages: names that its stack is known to hold; empty where that is not known.
    """
    start = _image_start(build, manifest, files, packages)
    if manifest.port is not None:
        start = replace(start, ports=tuple(dict.fromkeys((manifest.port, *start.ports))))
    return _commanded(start, manifest)


def _commanded(start: Start, manifest: Manifest) -> Start:
    """The same with the command of the manifests in place of the image's."""
    if manifest.command:
        words = (*manifest.command, *manifest.args)
        how = f"the command in {manifest.files[-1]}"
        return replace(start, words=_in_stack(_expanded(words)), shell="", problem="", how=how)
    return start


def _expanded(words: Words) -> Words:
    """Kubernetes writes `$(NAME)` for a variable, and knows no other."""
    return tuple(re.sub(r"\$\$\((\w+)\)", r"${\1}", word.replace("$", "$$")) for word in words)


def _image_start(build: AicoeBuild, manifest: Manifest, files: Files, packages: frozenset[str]) -> Start:
    strategy = build.strategy.strip().lower()
    path = _dockerfile(build, files, strategy)
    if strategy in {"dockerfile", "containerfile"} or (not strategy and path):
        if not has(files, path):
            named = path or " or ".join(DOCKERFILES)
            return Start(base=build.base_image, problem=f"its build needs {named}, which is not there")
        return _dockerfile_start(path, manifest, files, packages)
    if strategy not in {"", "source"}:
        return Start(base=build.base_image, problem=f"the build strategy {build.strategy!r} is not known")
    return source_start(files, manifest.env, packages, base=build.base_image)


def _dockerfile(build: AicoeBuild, files: Files, strategy: str) -> str:
    """The path of the file; empty where there is none."""
    if build.dockerfile and strategy != "source":
        path = inside(build.dockerfile)
        within = [joined(path, name) for name in DOCKERFILES]
        return next((each for each in (path, *within) if has(files, each)), path)
    names = ("Containerfile", "Dockerfile") if strategy == "containerfile" else DOCKERFILES
    return next((name for name in names if has(files, name)), "")


def _dockerfile_start(path: str, manifest: Manifest, files: Files, packages: frozenset[str]) -> Start:
    image = read_dockerfile(text_of(files, path))
    folder = _folder(image, files)
    common = Start(
        env=_own_variables(image),
        folder=folder,
        ports=image.exposed or (PORT,),
        base=image.base,
        requirements=tuple(_located(word, image, files) for word in image.requirements),
    )
    entry, cmd = image.entrypoint, manifest.args or image.cmd
    if isinstance(cmd, str) and _BUILDERS_RUN.search(cmd):
        cmd = (cmd,)
    if isinstance(entry, str):
        return replace(common, shell=entry, how=f"ENTRYPOINT of {path}")
    if isinstance(cmd, str):
        if not entry:
            return replace(common, shell=_relative(cmd, image), how=f"CMD of {path}")
        cmd = ("/bin/sh", "-c", cmd)
    words = (*(entry or ()), *(cmd or ()))
    if not words or _BUILDERS_RUN.search(words[0]):
        conventional = source_start(files, {**image.env, **manifest.env}, packages, base=image.base)
        problem = f"{path} has no CMD or ENTRYPOINT, and images are not pulled to look into them"
        return replace(
            conventional,
            env={**common.env, **conventional.env},
            ports=common.ports,
            problem=conventional.problem and problem,
        )
    placed = tuple(_escaped(_located(word, image, files)) for word in words)
    return replace(common, words=_in_stack(placed), how=f"{'ENTRYPOINT' if entry else 'CMD'} of {path}")


def source_start(files: Files, env: Mapping[str, str], packages: frozenset[str], *, base: str = "") -> Start:
    """How the source-to-image builder would start the project."""
    brought = _builder_environment(files)
    known = {**brought, **env}
    folder = joined(known.get("APP_HOME", ""))
    common = Start(env={key: value for key, value in brought.items() if key not in env}, folder=folder, base=base)
    script, file, module = (_escaped(known.get(key, "")) for key in ("APP_SCRIPT", "APP_FILE", "APP_MODULE"))
    if not (script or file or module):
        script, file = (name if has(files, joined(folder, name)) else "" for name in ("app.sh", "app.py"))
    if script:
        found = joined(folder, script)
        if not has(files, found):
            return replace(common, problem=f"APP_SCRIPT names {script}, which is not there")
        return replace(common, words=(_interpreter(text_of(files, found)), script), how=f"{script} is run")
    if file:
        if not has(files, joined(folder, file)):
            return replace(common, problem=f"APP_FILE names {file}, which is not there")
        return replace(common, words=("python", file), how=f"{file} is run")
    return _served(common, module, known, files, packages)


def _served(common: Start, module: str, known: Mapping[str, str], files: Files, packages: frozenset[str]) -> Start:
    folder = common.folder
    if not module and has(files, joined(folder, "wsgi.py")):
        module = "wsgi"
    if module and (not packages or "gunicorn" in packages):
        settings = ("--config", _escaped(known["APP_CONFIG"])) if known.get("APP_CONFIG") else ()
        return replace(common, words=("gunicorn", *settings, module), how=f"gunicorn serves {module}")
    if module and has(files, joined(folder, f"{module}.py")):
        return replace(common, words=("python", f"{module}.py"), how=f"{module}.py is run: its stack has no gunicorn")
    if has(files, joined(folder, "manage.py")):
        return replace(common, words=("python", "manage.py", "runserver"), how="Django's manage.py serves it")
    if module:
        return replace(common, problem=f"APP_MODULE is {module}, but its stack has no gunicorn to serve it")
    return replace(
        common, problem="there is no app.sh, app.py, wsgi.py or manage.py, and .s2i/environment names no other"
    )


def _builder_environment(files: Files) -> dict[str, str]:
    """`.s2i/environment`: NAME=value lines."""
    pairs = (line.strip().partition("=") for line in text_of(files, _ENVIRONMENT).replace("\0", "").splitlines())
    return {
        key.strip(): value.strip()
        for key, equals, value in pairs
        if equals and re.fullmatch(r"[A-Za-z_]\w*", key.strip())
    }


def _interpreter(script: str) -> str:
    """What runs a script, which may not be executable in the repository."""
    found = _SHEBANG.match(script)
    program = posixpath.basename(found[1]) if found else "sh"
    return program if program in {"sh", "bash", "python", "python3"} else "sh"


def _folder(image: Image, files: Files) -> str:
    """The one folder of the project that is copied to the working directory; empty where that is the project itself."""
    workdir = image.workdir or "/"
    sources = [
        inside(source) for froms, to in image.copies if to.rstrip("/") == workdir.rstrip("/") for source in froms
    ]
    folders = {source for source in sources if source and not has(files, source) and files.names(source)}
    whole = any(not source for source in sources)
    return folders.pop() if len(folders) == 1 and not whole else ""


def _own_variables(image: Image) -> dict[str, str]:
    return {key: _relative(value, image) for key, value in image.env.items()}


def _located(word: str, image: Image, files: Files) -> str:
    """A path in the image as one in the project, for what was copied there; anything else as it is."""
    if not word.startswith("/"):
        return word
    for sources, to in reversed(image.copies):
        for source in sources:
            place = inside(source)
            for target in (to.rstrip("/"), f"{to.rstrip('/')}/{posixpath.basename(place)}"):
                if place and word == target and has(files, place):
                    return _within(place, image, files)
    return _relative(word, image)


def _within(place: str, image: Image, files: Files) -> str:
    """A path of the project, counted from where the command starts."""
    folder = _folder(image, files)
    return posixpath.relpath(place, folder) if folder else place


def _relative(text: str, image: Image) -> str:
    """Text with the paths below the working directory made relative to it."""
    for root in dict.fromkeys((image.workdir.rstrip("/"), SOURCE_ROOT)):
        if root:
            text = re.sub(rf"(?<![\w./-]){re.escape(root)}/", "", text)
            text = re.sub(rf"(?<![\w./-]){re.escape(root)}(?![\w./-])", ".", text)
    return text


def _in_stack(words: Words) -> Words:
    """Programs by name, so that they are the stack's and not those of a path in the image."""
    if not words:
        return words
    program = found[1] if (found := _PROGRAMS.fullmatch(words[0])) else words[0]
    program = "python" if re.fullmatch(r"python3?(?:\.\d+)?", program) else program
    return (program, *words[1:])


def _escaped(word: str) -> str:
    """Without a shell nothing is filled in: a `$` is a `$`."""
    return word.replace("$", "$$").replace("\0", "")
