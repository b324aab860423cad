"""From the overlays of `.aicoe-ci.yaml` to an ordinary `seatrial.yaml`: one deployment for each that is complete.

Nothing is dropped in silence. An overlay that lacks something is named with what it lacks. One whose command can't be told
becomes a deployment that says so and fails, because its row must not be missing from the report.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from seatrial.config.aicoe.drafts import Converted, Draft, Stack, Test
from seatrial.config.aicoe.files import Files, inside, joined
from seatrial.config.aicoe.listen import Listening, listening
from seatrial.config.aicoe.machine import System, not_honoured
from seatrial.config.aicoe.manifests import Manifest, read_manifests
from seatrial.config.aicoe.names import allowed, allowed_names
from seatrial.config.aicoe.read import read_aicoe
from seatrial.config.aicoe.stacks import packages_of, python_of_image, stack_file
from seatrial.config.aicoe.start import Start, find_start
from seatrial.config.aicoe.telling import escaped, kept_environment, listed, unknown_command
from seatrial.config.aicoe.thoth import THOTH_NAME, read_thoth
from seatrial.config.aicoe.variables import test_variables
from seatrial.config.aicoe.write import seatrial_yaml
from seatrial.records import UsageError
from seatrial.records.aicoe import AicoeBuild, AicoeConfig, AicoeGather, Overlay, ThothConfig

_NOT_BUILT: Final = (
    "no image is built or pushed: registries, tags, secrets, architectures and build scripts are not used"
)


@dataclass(frozen=True, slots=True)
class _Setting:
    """What all overlays of a repository share."""

    config: AicoeConfig
    thoth: ThothConfig
    files: Files
    system: System

    def folders(self, overlay: str) -> tuple[str, str]:
        """Where the packages of an overlay may be declared: its own folder, then the root."""
        return (joined(self.config.overlays_dir, overlay) if overlay else "", "")


@dataclass(frozen=True, slots=True)
class _Made:
    """A deployment, and what there is to say of it."""

    draft: Draft
    taken: str
    left: tuple[str, ...]


def convert_aicoe(files: Files, name: str, system: System) -> Converted:
    """The `seatrial.yaml` that means the same as a `.aicoe-ci.yaml`.

    Args:
        files: of the project.
        name: of the file.
        system: this machine.

    Raises:
        UsageError: it is no YAML, it names no overlays, or none of them is complete.
    """
    config = read_aicoe(files.read(name) or b"", where=name)
    thoth, problem = _thoth(files)
    setting = _Setting(config, thoth, files, system)
    lacking = [
        f"overlay {each.name} is not tried: it lacks {listed(each.lacking)}" for each in config.overlays if each.lacking
    ]
    if not config.complete:
        raise UsageError(
            f"no overlay has build, deploy and gather, so there is nothing to deploy and test: {'; '.join(lacking)}",
            where=name,
            remedy="complete an overlay, or write a seatrial.yaml",
        )
    names = allowed_names(overlay.name for overlay in config.complete)
    made = [_deployment(overlay, names[overlay.name], setting) for overlay in config.complete]
    left = (
        *config.notes,
        *lacking,
        *(note for each in made for note in each.left),
        *problem,
        *_asked(setting),
        *_unused(config),
    )
    left = tuple(dict.fromkeys(left))
    text = seatrial_yaml(name, [each.draft for each in made], left)
    return Converted(source=name, text=text, taken=tuple(each.taken for each in made), left=left)


def _thoth(files: Files) -> tuple[ThothConfig, tuple[str, ...]]:
    """`.thoth.yaml`, which only adds to what is known; and why it could not be read."""
    data = files.read(THOTH_NAME)
    if data is None:
        return ThothConfig(environments=()), ()
    try:
        return read_thoth(data, where=THOTH_NAME), ()
    except UsageError as error:
        return ThothConfig(environments=()), (f"{error.where}: {error.what}; it was passed over",)


def _asked(setting: _Setting) -> Iterator[str]:
    """What the environments of the overlays that are tried ask of this machine in vain."""
    used = {
        name
        for overlay in setting.config.complete
        for name in (overlay.name, (overlay.gather or AicoeGather()).overlay)
    }
    for environment in setting.thoth.environments:
        if environment.name in used:
            yield from not_honoured(environment, setting.system)


def _unused(config: AicoeConfig) -> Iterator[str]:
    yield _NOT_BUILT
    given = {
        "check": config.check,
        "release": config.release,
        "package-upload": config.package_upload,
        "build": config.build,
        "deploy": config.deploy,
        "gather": config.gather,
        "sibling": config.sibling,
        "pytest-env": config.pytest_env,
    }
    unused = [key for key, value in given.items() if value]
    if unused:
        yield f"{listed(unused)} at the top level {'is' if len(unused) == 1 else 'are'} not part of a trial"


def _deployment(overlay: Overlay, name: str, setting: _Setting) -> _Made:
    files, folders = setting.files, setting.folders(overlay.name)
    build = overlay.build or AicoeBuild()
    manifest = read_manifests(files, _manifest_folders(overlay))
    start = find_start(build, manifest, files, packages_of(files, stack_file(files, folders)))
    env = kept_environment(start.env, manifest.env)
    found = Listening(run=unknown_command(overlay.name, start.problem), env=env)
    if not start.problem:
        found = listening(start, env, files)
    draft = Draft(
        name=name,
        run=found.run,
        stack=Stack(file=stack_file(files, folders, start.requirements), python=_python(overlay, start, setting)),
        env={
            **{key: escaped(value) for key, value in found.env.items()},
            **{key: f"${{{key}:-}}" for key in manifest.asked},
        },
        health=manifest.health or "/",
        cpu=manifest.cpu,
        memory=manifest.memory,
        test=_test(overlay, manifest, setting),
        comments=(f"overlay {overlay.name}: {start.problem or start.how}",),
    )
    left = (
        *_left_of_start(start, draft, found.note),
        *_left_of_manifests(overlay, manifest),
        *_left_of_test(overlay, draft),
    )
    return _Made(
        draft, _told(overlay, draft, start, manifest), tuple(f"overlay {overlay.name}: {text}" for text in left)
    )


def _manifest_folders(overlay: Overlay) -> tuple[str, ...]:
    context = inside(overlay.deploy.context) if overlay.deploy else ""
    default = joined("manifests/overlays", overlay.name)
    return tuple(filter(None, (context.rpartition("/")[0], default, "manifests/base")))


def _python(overlay: Overlay, start: Start, setting: _Setting) -> str:
    """Of the image's name, else of the runtime environment of the same name; the lock itself may say it too."""
    environment = setting.thoth.environment(overlay.name)
    images = (start.base, overlay.build.base_image if overlay.build else "")
    found = next((python for image in images if (python := python_of_image(image))), "")
    return found or (environment.python if environment else "")


def _test(overlay: Overlay, manifest: Manifest, setting: _Setting) -> Test:
    """The test, with the packages of the overlay that `gather` names; where that declares none, with the tested one's."""
    gather = overlay.gather or AicoeGather()
    folders = (*setting.folders(gather.overlay)[:1], *setting.folders(overlay.name))
    return Test(
        behave=gather.name,
        name=allowed(gather.name),
        stack=stack_file(setting.files, folders),
        env=test_variables(overlay, deployed_as=manifest.name),
    )


def _left_of_start(start: Start, draft: Draft, note: str) -> Iterator[str]:
    if start.problem:
        yield f"how it starts can't be told: {start.problem}; its deployment fails until `run:` says it"
    if note:
        yield note
    if not draft.stack.file:
        yield "it declares no packages, so it runs with those that the root declares, else with seatrial's own"


def _left_of_manifests(overlay: Overlay, manifest: Manifest) -> Iterator[str]:
    if not manifest.files and overlay.deploy:
        place = f"{overlay.deploy.project_org}/{overlay.deploy.project_name}".strip("/")
        yield f"its manifests ({place}) are not in this repository: no environment, probe or limit is taken from them"
    for variable, source in manifest.asked.items():
        yield f"{variable} comes from {source}: export {variable} where seatrial runs, or it is empty"
    yield from manifest.notes


def _left_of_test(overlay: Overlay, draft: Draft) -> Iterator[str]:
    named = overlay.gather.overlay if overlay.gather else ""
    if not named or f"/{named}/" not in f"/{draft.test.stack}":
        asked = (
            f"{named!r}, which gather.overlay-name names, declares no packages" if named else "gather names no overlay"
        )
        yield f"{asked}: its test gets those of {draft.test.stack or 'seatrial'}, and behave"


def _told(overlay: Overlay, draft: Draft, start: Start, manifest: Manifest) -> str:
    stack = f"packages of {draft.stack.file}" if draft.stack.file else "no packages of its own"
    python = f", Python {draft.stack.python}" if draft.stack.python else ""
    manifests = f"; {listed(manifest.files)}" if manifest.files else ""
    tested = f"behave -i {draft.test.behave} with the packages of {draft.test.stack or 'seatrial'}"
    return f"overlay {overlay.name} is deployment {draft.name}: {start.how or 'no command'}; {stack}{python}{manifests}; {tested}"
