"""How an overlay starts is found in its manifests, its Dockerfile or the builder's conventions, and it listens on $PORT."""

import shlex
from string import Template

import pytest

from seatrial.config.aicoe.listen import listening
from seatrial.config.aicoe.manifests import Manifest
from seatrial.config.aicoe.start import Start, find_start
from seatrial.records.aicoe import AicoeBuild
from tests.aicoe.making import Memory

FIXED = 'HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()\n'
DOCKERFILE = """\
# syntax=docker/dockerfile:1
ARG VERSION=3.11
FROM python:${VERSION}-slim AS base
ENV MODEL_DIR=/srv/app/models GREETING="two words"
FROM base AS unused
CMD ["wrong"]
FROM base
WORKDIR /srv
WORKDIR app
COPY requirements/prod.txt .
RUN pip install \\
    # the pinned ones
    -r requirements/prod.txt
RUN <<EOF
CMD ["also", "wrong"]
EOF
COPY src/ .
ENV LEVEL info
EXPOSE 5000/tcp
ENTRYPOINT ["/usr/local/bin/python3", "/srv/app/serve.py"]
CMD ["--port", "5000", "--host=0.0.0.0", "--price=$5"]
"""


def start(
    files: dict[str, str], strategy: str = "Source", packages: tuple[str, ...] = (), dockerfile: str = ""
) -> Start:
    """How a repository starts."""
    build = AicoeBuild(strategy=strategy, dockerfile=dockerfile)
    return find_start(build, Manifest(), Memory(files), frozenset(packages))


def words(files: dict[str, str], strategy: str = "Source") -> list[str]:
    """The words that are started, with port 4711."""
    found = start(files, strategy)
    run = listening(found, found.env, Memory(files)).run
    return [Template(word).safe_substitute(PORT="4711") for word in shlex.split(run)]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"app.sh": "#!/bin/bash\n", "app.py": ""}, ("bash", "app.sh")),
        ({"app.sh": "echo\n"}, ("sh", "app.sh")),
        ({"app.py": "", "wsgi.py": ""}, ("python", "app.py")),
        ({"wsgi.py": ""}, ("gunicorn", "wsgi")),
        ({"manage.py": ""}, ("python", "manage.py", "runserver")),
        ({".s2i/environment": "APP_FILE=src/main.py\n", "src/main.py": "", "app.sh": ""}, ("python", "src/main.py")),
        ({".s2i/environment": "APP_SCRIPT = go.sh\n# no\n", "go.sh": ""}, ("sh", "go.sh")),
        (
            {".s2i/environment": "APP_MODULE=api:app\nAPP_CONFIG=conf.py\n"},
            ("gunicorn", "--config", "conf.py", "api:app"),
        ),
    ],
)
def test_the_source_strategy_follows_the_builder(files: dict[str, str], expected: tuple[str, ...]) -> None:
    """`.s2i/environment` wins; then app.sh, app.py, wsgi.py and manage.py."""
    assert expected == start(files).words


def test_a_stack_without_gunicorn_runs_the_module_itself() -> None:
    """Where the stack is known."""
    assert ("python", "wsgi.py") == start({"wsgi.py": ""}, packages=("flask",)).words
    assert ("gunicorn", "wsgi") == start({"wsgi.py": ""}, packages=("flask", "gunicorn")).words


@pytest.mark.parametrize(
    ("files", "strategy", "problem"),
    [
        ({}, "Source", "no app.sh, app.py, wsgi.py or manage.py"),
        ({".s2i/environment": "APP_FILE=gone.py"}, "Source", "gone.py, which is not there"),
        ({}, "Dockerfile", "Dockerfile or Containerfile, which is not there"),
        ({"Dockerfile": "FROM python:3.11\n"}, "Dockerfile", "has no CMD or ENTRYPOINT"),
        ({"app.py": ""}, "Kaniko", "'Kaniko' is not known"),
    ],
)
def test_a_command_that_cannot_be_told_says_why(files: dict[str, str], strategy: str, problem: str) -> None:
    """Nothing is guessed."""
    found = start(files, strategy)
    assert problem in found.problem
    assert () == found.words


def test_a_dockerfile_says_how_its_last_stage_starts() -> None:
    """Paths of the image become paths of the project, and the folder that was copied is where it starts."""
    files = {"Dockerfile": DOCKERFILE, "src/serve.py": "", "requirements/prod.txt": ""}

    found = start(files, "")

    assert ("python", "serve.py", "--port", "5000", "--host=0.0.0.0", "--price=$$5") == found.words
    assert ("src", (5000,), "python:3.11-slim", ("requirements/prod.txt",)) == (
        found.folder,
        found.ports,
        found.base,
        found.requirements,
    )
    assert {"MODEL_DIR": "models", "GREETING": "two words", "LEVEL": "info"} == found.env


def test_the_words_of_a_dockerfile_listen_on_the_port_of_the_cell() -> None:
    """A `$` that no shell sees stays one."""
    files = {"Dockerfile": DOCKERFILE, "src/serve.py": ""}
    expected = ["env", "-C", "src", "python", "serve.py", "--port", "4711", "--host=127.0.0.1", "--price=$5"]
    assert expected == words(files, "Dockerfile")


def test_an_image_that_starts_as_its_builder_says_is_started_so() -> None:
    """A Dockerfile on an s2i image often only adds files."""
    for command in ('["/usr/libexec/s2i/run"]', "/usr/libexec/s2i/run"):
        files = {"Dockerfile": f"FROM quay.io/sclorg/python-39\nCMD {command}\n", "wsgi.py": ""}
        assert ("gunicorn", "wsgi") == start(files, "Dockerfile").words


def test_a_containerfile_elsewhere_is_found() -> None:
    """By `dockerfile-path`, a file or its folder."""
    files = {"docker/Containerfile": 'FROM x\nCMD ["serve"]\n'}
    for path in ("docker/Containerfile", "./docker", "docker/"):
        assert ("serve",) == start(files, "Containerfile", dockerfile=path).words


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ('["gunicorn", "app:app"]', "gunicorn --bind 127.0.0.1:4711 app:app"),
        ('["gunicorn", "-b", "0.0.0.0:8080", "app:app"]', "gunicorn -b 127.0.0.1:4711 app:app"),
        ('["gunicorn", "--bind=:8000", "app:app"]', "gunicorn --bind=127.0.0.1:4711 app:app"),
        (
            '["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "80"]',
            "uvicorn main:app --host 127.0.0.1 --port 4711",
        ),
        ('["python3.9", "-m", "uvicorn", "main:app"]', "python -m uvicorn --host 127.0.0.1 --port 4711 main:app"),
        ('["flask", "run"]', "flask run --host 127.0.0.1 --port 4711"),
        ('["python", "manage.py", "runserver", "0.0.0.0:8080"]', "python manage.py runserver 127.0.0.1:4711"),
        ('["python", "-m", "http.server"]', "python -m http.server --bind 127.0.0.1 4711"),
        ('["python", "-m", "http.server", "8080"]', "python -m http.server 4711"),
        ('["waitress-serve", "--port=8080", "a:b"]', "waitress-serve --port=4711 a:b"),
        ('["sh", "-c", "exec serve --port $PORT"]', "sh -c exec serve --port 4711"),
        ("gunicorn -b 0.0.0.0:8080 app:app", "sh -c gunicorn -b 127.0.0.1:4711 app:app"),
        ("gunicorn -b :${PORT:-8080} app:app", "sh -c gunicorn -b 127.0.0.1:4711 app:app"),
        ("echo $HOME && serve --timeout 80800 -p 8080", "sh -c echo $HOME && serve --timeout 80800 -p 4711"),
    ],
)
def test_servers_listen_on_the_port_of_the_cell(command: str, expected: str) -> None:
    """Whatever way their Dockerfile names its own port; what a shell fills in is left to the shell."""
    assert expected == " ".join(words({"Dockerfile": f"FROM x\nCMD {command}\n"}, "Dockerfile"))


def test_a_python_program_with_a_port_of_its_own_binds_that_of_the_cell() -> None:
    """It is started by a line that puts `$PORT` in the port's place, and that is said."""
    files = {"app.py": FIXED}
    found = listening(start(files), {}, Memory(files))
    assert ["python", "-c"] == shlex.split(found.run)[:2]
    assert "does not read its port" in found.note


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('port = int(os.environ.get("PORT", 8080))', ["python", "app.py"]),
        ("port = os.getenv('SERVER_PORT')", ["env", "SERVER_PORT=4711", "python", "app.py"]),
        ('port = os.environ["FLASK_RUN_PORT"]', ["env", "FLASK_RUN_PORT=4711", "python", "app.py"]),
    ],
)
def test_a_python_program_that_reads_its_port_is_told_it(source: str, expected: list[str]) -> None:
    """In the variable that it reads."""
    assert expected == words({"app.py": source})


def test_variables_that_name_the_port_are_given_that_of_the_cell() -> None:
    """Settings of gunicorn keep what else is in them; `PORT` is seatrial's own."""
    args = "--workers=2 --bind=0.0.0.0:8080"
    env = {"PORT": "8080", "GUNICORN_CMD_ARGS": args, "METRICS_PORT": "8080", "SIZE": "8080"}
    found = listening(start({"app.sh": ""}), env, Memory({"app.sh": ""}))
    assert {"SIZE": "8080"} == found.env
    assert "'GUNICORN_CMD_ARGS=--workers=2 --bind=127.0.0.1:$PORT'" in found.run
    assert "METRICS_PORT=$PORT" in found.run
