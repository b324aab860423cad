"""Named stacks: one deployment is tried on each of several, as a deployment of its own."""

import pytest

from seatrial.config import read_project
from seatrial.records import DeploymentSpec, StackSpec, UsageError

START = "tests: [{pytest: smoke}]\n"


def deployments(text: str) -> tuple[DeploymentSpec, ...]:
    """Those of a file."""
    return read_project(START + text, where="seatrial.yaml", default_name="project").deployments


def test_a_deployment_is_tried_on_each_named_stack() -> None:
    """Apart from name and stack they are the same; a bare string is the file."""
    found = deployments("deployments: {m: {run: serve, stacks: {old: a.txt, new: {file: b.txt, python: '3.12'}}}}\n")
    assert [("m-old", StackSpec(file="a.txt")), ("m-new", StackSpec(file="b.txt", python="3.12"))] == [
        (each.name, each.stack) for each in found
    ]
    assert {"serve"} == {each.run for each in found}


def test_shared_stacks_are_for_every_deployment_that_names_none_itself() -> None:
    """As with every other shared key."""
    found = deployments("stacks: {a: a.txt, b: b.txt}\ndeployments: {one: {run: x}, two: {run: y, stack: host}}\n")
    assert ["one-a", "one-b", "two"] == [each.name for each in found]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("deployments: {m: {run: x, stack: a.txt, stacks: {b: b.txt}}}\n", "both stack and stacks"),
        ("deployments: {m: {run: x, stacks: {b: b.txt}}, m-b: {run: y}}\n", "'m-b' is also what 'm' on the stack 'b'"),
    ],
)
def test_what_can_mean_two_things_is_refused(text: str, complaint: str) -> None:
    """In the words of the file."""
    with pytest.raises(UsageError, match=complaint):
        deployments(text)


def test_the_environment_of_a_test_is_its_own() -> None:
    """Numbers and truth values become text, as under `env:`; the deployment's own environment stays without them."""
    text = "tests: [{pytest: smoke, env: {LIMIT: 10, QUIET: true}}]\ndeployments: {m: {run: serve}}\n"
    (found,) = read_project(text, where="seatrial.yaml", default_name="project").deployments
    assert ({"LIMIT": "10", "QUIET": "true"}, {}) == (found.tests[0].env, found.env)
