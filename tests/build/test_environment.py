"""The environment of a cell's processes."""

import sys
from pathlib import Path

import pytest

from seatrial.records import UsageError
from seatrial.trial.build.environment import cell_environment, fill_in
from seatrial.trial.build.stack import Stack

STACK = Stack(
    digest="sha256:0", declared="requirements.txt", python=Path("/s/bin/python"), bin=Path("/s/bin"), prefix=Path("/s")
)


def test_the_stack_comes_first_and_seatrials_own_is_gone() -> None:
    """A program that the stack lacks is not found in the environment that seatrial runs in."""
    own = f"{sys.prefix}/bin"
    env = cell_environment(STACK, {}, caller={"PATH": f"{own}:/usr/bin:/v/bin", "VIRTUAL_ENV": "/v"})
    assert env["PATH"] == "/s/bin:/usr/bin"
    assert env["VIRTUAL_ENV"] == "/s"


def test_only_what_a_program_needs_is_passed_on() -> None:
    """Forge tokens, index passwords and Python's own variables stay behind; proxies, locale and CUDA go along."""
    passed = {
        "HOME": "/home/me",
        "LC_ALL": "C",
        "https_proxy": "http://p",
        "CUDA_VISIBLE_DEVICES": "0",
        "OMP_NUM_THREADS": "1",
    }
    kept_back = {"GITHUB_TOKEN": "x", "UV_INDEX_URL": "x", "PIP_INDEX_URL": "x", "PYTHONPATH": "x", "PYTHONHOME": "x"}
    env = cell_environment(STACK, {}, caller={**passed, **kept_back})
    assert passed.items() <= env.items()
    assert not kept_back.keys() & env.keys()


def test_this_machine_is_spoken_to_without_a_proxy() -> None:
    """Otherwise a proxy would get the requests to the deployment under trial."""
    env = cell_environment(STACK, {}, caller={"https_proxy": "http://p", "NO_PROXY": "example.org"})
    assert env["no_proxy"] == env["NO_PROXY"] == "example.org,127.0.0.1,localhost"
    assert "no_proxy" not in cell_environment(STACK, {}, caller={})


def test_declared_variables_win_and_seatrials_additions_win_over_them() -> None:
    """`env:` replaces what is passed on; `PORT` and the like can't be replaced."""
    env = cell_environment(STACK, {"HOME": "/data", "PORT": "1"}, {"PORT": "8000"}, caller={"HOME": "/home/me"})
    assert ("/data", "8000") == (env["HOME"], env["PORT"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${NAME}", "value"),
        ("a ${NAME} b", "a value b"),
        ("${MISSING:-default}", "default"),
        ("${NAME:-default}", "value"),
        ("$NAME costs $5", "$NAME costs $5"),
        ("$${NAME}", "${NAME}"),
    ],
)
def test_declared_variables_may_refer_to_the_callers(text: str, expected: str) -> None:
    """`${NAME}` and `${NAME:-default}` are filled in; other dollars are left alone."""
    assert {"KEY": expected} == fill_in({"KEY": text}, {"NAME": "value"})


def test_a_reference_to_nothing_is_an_error() -> None:
    """The message names both variables and never a value."""
    with pytest.raises(UsageError, match=r"env\.KEY refers to \$\{MISSING\}") as caught:
        fill_in({"KEY": "${MISSING}"}, {"SECRET": "value"}, where="forest@candidate")
    assert caught.value.where == "forest@candidate"
    assert "MISSING" in caught.value.remedy
