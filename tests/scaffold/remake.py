"""Makes the data of the templates anew, from the templates' own code: `python -m tests.scaffold.remake`.

After a change to a generator, a split or the pins. Needs the packages that the generated `requirements.txt` pins.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from seatrial.scaffold.files import TEMPLATES
from tests.scaffold.projects import environment, options, written

_MADE: Mapping[bool, Mapping[str, str]] = {
    True: {
        "data/machines.csv": "demo/machines.csv",
        "model.joblib": "demo/model.joblib",
        "requests.jsonl": "demo/requests.jsonl",
    },
    False: {"requests.jsonl": "minimal/requests.jsonl"},
}
_PROGRAMS = {True: ("generate", "train", "make_requests"), False: ("make_requests",)}


def remake(*, demo: bool) -> None:
    """Run a project's own programs and keep what they write."""
    with tempfile.TemporaryDirectory() as above:
        project = written(Path(above) / "project", options(demo=demo))
        for program in _PROGRAMS[demo]:
            command = [sys.executable, "-m", f"model.{program}"]
            subprocess.run(command, cwd=project, env=environment(PYTHONPATH="src"), check=True)
        for made, template in _MADE[demo].items():
            shutil.copy(project / made, TEMPLATES / template)


if __name__ == "__main__":
    remake(demo=True)
    remake(demo=False)
