"""From the runtime environments of `.thoth.yaml` to a `seatrial.yaml`: one deployment, tried on each of them as a named stack."""

from collections.abc import Iterator

from seatrial.config.aicoe.drafts import Converted, Draft, Stack, Test
from seatrial.config.aicoe.files import Files, joined
from seatrial.config.aicoe.listen import listening
from seatrial.config.aicoe.machine import System, not_honoured
from seatrial.config.aicoe.manifests import Manifest
from seatrial.config.aicoe.names import allowed_names
from seatrial.config.aicoe.stacks import packages_of, stack_file
from seatrial.config.aicoe.start import find_start
from seatrial.config.aicoe.telling import escaped, kept_environment, unknown_command
from seatrial.config.aicoe.thoth import read_thoth
from seatrial.config.aicoe.write import seatrial_yaml
from seatrial.records import UsageError
from seatrial.records.aicoe import AicoeBuild, RuntimeEnvironment, ThothConfig

DEPLOYMENT = "app"
_LONGEST = 63 - len(f"{DEPLOYMENT}-")


def convert_thoth(files: Files, name: str, system: System) -> Converted:
    """The `seatrial.yaml` that tries the project on every runtime environment.

    Args:
        files: of the project.
        name: of the file.
        system: this machine.

    Raises:
        UsageError: it is no YAML, it names no environment, or the project has no features to test with.
    """
    config = read_thoth(files.read(name) or b"", where=name)
    if not any(each.endswith(".feature") for each in files.names("features")):
        raise UsageError(
            "it names software stacks, but the project has no features/*.feature to test them with",
            where=name,
            remedy="write a seatrial.yaml with requests or tests, and name the stacks there: `stacks: {NAME: {file: …, python: …}}`",
        )
    names = allowed_names((each.name for each in config.environments), _LONGEST)
    stacks = {names[each.name]: _stack(each, config, files) for each in config.environments}
    draft, problems = _draft(files, stacks)
    left = tuple(dict.fromkeys((*config.notes, *problems, *_left(config, files, system))))
    taken = (f"deployment {DEPLOYMENT}: {draft.comments[0]}", *_taken(stacks))
    return Converted(source=name, text=seatrial_yaml(name, [draft], left), taken=taken, left=left)


def _stack(environment: RuntimeEnvironment, config: ThothConfig, files: Files) -> Stack:
    own = joined(config.overlays_dir, environment.name) if config.overlays_dir else ""
    folders = (own, "") if own else ("",)
    return Stack(
        file=stack_file(
            files, folders, pip=config.requirements_format.startswith("pip") and config.requirements_format != "pipenv"
        ),
        python=environment.python,
    )


def _draft(files: Files, stacks: dict[str, Stack]) -> tuple[Draft, tuple[str, ...]]:
    file = next((stack.file for stack in stacks.values()), "")
    start = find_start(AicoeBuild(), Manifest(), files, packages_of(files, file))
    env, note = kept_environment(start.env), ""
    if start.problem:
        run = unknown_command("the project", start.problem)
        note = f"how it starts can't be told: {start.problem}; its deployments fail until `run:` says it"
    else:
        found = listening(start, env, files)
        run, env, note = found.run, dict(found.env), found.note
    draft = Draft(
        name=DEPLOYMENT,
        run=run,
        stacks=stacks,
        env={key: escaped(value) for key, value in env.items()},
        test=Test(behave=r"\.feature$", name="behave"),
        comments=(start.problem or start.how,),
    )
    return draft, (note,) if note else ()


def _left(config: ThothConfig, files: Files, system: System) -> Iterator[str]:
    if config.host:
        yield f"nothing is asked of {config.host}: what is locked is installed"
    for environment in config.environments:
        if not _stack(environment, config, files).file:
            yield f"environment {environment.name} declares no packages, so it runs in the environment that seatrial was started from"
        yield from not_honoured(environment, system)


def _taken(stacks: dict[str, Stack]) -> Iterator[str]:
    for name, stack in stacks.items():
        python = f" on Python {stack.python}" if stack.python else ""
        yield f"environment {name} is deployment {DEPLOYMENT}-{name}: {stack.file or 'no packages of its own'}{python}"
