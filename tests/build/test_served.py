"""A deployment with `serve:` gets the model server of the seatrial that runs the trial."""

import os
import subprocess
import sys
from pathlib import Path

from seatrial.trial.build.served import server_folder, server_requirements, with_server


def test_the_server_needs_its_extras_and_the_base_and_nothing_of_the_control_plane() -> None:
    """Requirements of other extras stay out; markers are dropped."""
    declared = [
        "msgspec>=0.19",
        "httptools>=0.6.4; extra == 'serve'",
        "uvloop>=0.21; platform_python_implementation == 'CPython' and extra == 'serve'",
        'skl2onnx>=1.18; extra == "onnx"',
        "sqlalchemy>=2; extra == 'trial'",
    ]

    assert ("httptools>=0.6.4", "msgspec>=0.19", "skl2onnx>=1.18", "uvloop>=0.21") == server_requirements(declared)


def test_the_installed_metadata_names_what_the_server_imports() -> None:
    """The running seatrial declares its own server's packages."""
    names = {requirement.split(">")[0] for requirement in server_requirements()}

    assert {"httptools", "msgspec", "numpy", "onnxruntime", "uvloop"} <= names
    assert set() == {"sqlalchemy", "typer", "rich"} & names


def test_the_folder_on_the_path_holds_this_seatrial_alone(tmp_path: Path) -> None:
    """A Python that sees that folder and nothing else of ours runs the same seatrial."""
    folder = server_folder(tmp_path)

    again = server_folder(tmp_path)

    assert folder == again
    assert ["seatrial"] == [path.name for path in folder.iterdir()]
    ran = subprocess.run(
        [sys.executable, "-P", "-c", "import seatrial; print(seatrial.__path__[0])"],
        env={**os.environ, **with_server({}, folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(folder / "seatrial") == ran.stdout.strip()


def test_what_the_project_put_on_the_path_stays_behind_the_server(tmp_path: Path) -> None:
    """Its own PYTHONPATH is kept."""
    assert {"PYTHONPATH": f"{tmp_path}{os.pathsep}lib", "A": "b"} == with_server(
        {"A": "b", "PYTHONPATH": "lib"}, tmp_path
    )
