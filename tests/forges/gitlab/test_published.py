"""The check against GitLab's document is itself checked: it has to catch what is wrong, and let pass what GitLab does."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.forges.gitlab import shapes
from tests.forges.gitlab.published import Published
from tests.forges.gitlab.state import Account, Project

PROJECT = "/api/v4/projects/ship%2Fwine"
NOTES = f"{PROJECT}/merge_requests/7/notes"
STATUSES = f"{PROJECT}/statuses/{'a' * 40}"
MEMBER = f"{PROJECT}/members/all/3"
USER = shapes.user(Account(3, "ada"))
NOTE = {"id": 1, "body": "hello", "author": USER, "system": False}


@pytest.fixture(scope="module")
def published() -> Published:
    """The document."""
    return Published()


def test_the_document_names_its_source_and_licence() -> None:
    """Whoever reads it can find the original."""
    source = json.loads((Path(__file__).parent / "openapi.json").read_text(encoding="utf-8"))["source"]
    assert {"document", "repository", "path", "commit", "licence", "changes"} == set(source)


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", NOTES, "page=2&per_page=100&sort=asc&order_by=created_at", None),
        ("POST", NOTES, "", {"body": "hello"}),
        ("DELETE", f"{NOTES}/1", "", None),
        ("POST", STATUSES, "", {"state": "running", "name": "seatrial", "pipeline_id": 3}),
        ("GET", f"{PROJECT}/repository/branches/a%2Fb", "", None),
    ],
)
def test_requests_as_documented_pass(published: Published, method: str, path: str, query: str, body: Any) -> None:
    """Those that the adapter makes."""
    assert [] == published.request_problems(method, path, query, body)


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "problem"),
    [
        ("GET", "/api/v4/nothing", "", None, "not in the document"),
        ("PATCH", NOTES, "", None, "not in the document"),
        ("GET", "/api/v4/projects/ship/wine/merge_requests/7/notes", "", None, "not in the document"),
        ("GET", f"{PROJECT}/merge_requests/seven/notes", "", None, "noteable_id"),
        ("GET", NOTES, "sort=up", None, "sort"),
        ("GET", NOTES, "pages=2", None, "pages is no parameter"),
        ("GET", NOTES, "page=two", None, "page"),
        ("GET", NOTES, "", {"body": "hello"}, "takes no body"),
        ("POST", NOTES, "", {}, "body"),
        ("POST", NOTES, "", None, "body"),
        ("POST", NOTES, "", {"body": 7}, "body"),
        ("POST", NOTES, "", {"body": "hello", "colour": "red"}, "colour"),
        ("POST", STATUSES, "", {"state": "neutral"}, "neutral"),
        ("POST", STATUSES, "", {"state": "running", "pipeline_id": "3"}, "pipeline_id"),
    ],
)
def test_wrong_requests_are_caught(
    published: Published, method: str, path: str, query: str, body: Any, problem: str
) -> None:
    """Paths, parameters, types, values and names that GitLab does not have."""
    found = published.request_problems(method, path, query, body)
    assert any(problem in each for each in found), found


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", NOTES, 200, []),
        ("GET", NOTES, 200, [NOTE, {**NOTE, "type": None}]),
        ("POST", NOTES, 201, NOTE),
        ("DELETE", f"{NOTES}/1", 204, None),
        ("GET", MEMBER, 200, shapes.member(Account(3, "ada"), 30)),
        ("GET", PROJECT, 200, shapes.project(Project(1, "ship/wine"))),
        ("POST", STATUSES, 201, {"id": 1, "status": "running", "coverage": None}),
        ("GET", MEMBER, 404, {"message": "404 Not found"}),
    ],
)
def test_answers_as_documented_pass(published: Published, method: str, path: str, status: int, body: Any) -> None:
    """Those that GitLab gives."""
    assert [] == published.answer_problems(method, path, status, body)


@pytest.mark.parametrize(
    ("method", "path", "status", "body", "problem"),
    [
        ("GET", NOTES, 200, NOTE, "array"),
        ("GET", NOTES, 200, [[NOTE]], "object"),
        ("GET", NOTES, 200, ["hello"], "object"),
        ("GET", NOTES, 200, [{**NOTE, "text": "hello"}], "text"),
        ("GET", NOTES, 200, [{**NOTE, "author": "ada"}], "author"),
        ("GET", NOTES, 200, [{**NOTE, "author": {**USER, "id": "3"}}], "author"),
        ("GET", NOTES, 200, [{**NOTE, "author": {**USER, "login": "ada"}}], "author"),
        ("GET", NOTES, 202, [], "202 is not documented"),
        ("POST", NOTES, 200, NOTE, "200 is not documented"),
        ("DELETE", f"{NOTES}/1", 204, NOTE, "with a body"),
        ("GET", MEMBER, 200, {**USER, "role": "developer"}, "role"),
        ("GET", f"{PROJECT}/pipelines", 200, [{"id": 1, "created_at": "yesterday"}], "created_at"),
        ("POST", STATUSES, 201, {"id": 1, "allow_failure": "no"}, "allow_failure"),
        ("GET", f"{PROJECT}/merge_requests/7", 200, {"head_pipeline": {"id": 1}}, "head_pipeline"),
        ("GET", MEMBER, 404, {"text": "not found"}, "without a message"),
    ],
)
def test_wrong_answers_are_caught(
    published: Published, method: str, path: str, status: int, body: Any, problem: str
) -> None:
    """Shapes, types, names and codes that GitLab does not have."""
    found = published.answer_problems(method, path, status, body)
    assert any(problem in each for each in found), found
