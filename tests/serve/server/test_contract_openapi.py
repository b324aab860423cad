"""The server keeps what its own OpenAPI document promises: schemathesis reads the one and asks the other."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.serve.running import serving
from tests.serve.server.targets import Make, anything, mixed, network, numbers

PROGRAM = Path(sys.executable).with_name("schemathesis")
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "unsupported_method", "allow_header_conformance", "missing_required_header",
    "ignored_auth",
)  # fmt: skip
OPTIONS = (
    "--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--no-color", "--no-shrink",
    "--generation-deterministic", "--output-truncate", "true", "--warnings", "off",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [numbers, mixed, network, anything])
def test_answers_are_those_that_the_document_promises(ridge: Path, tmp_path: Path, make: Make) -> None:
    """No route fails, and status, content type, headers and body of each answer are documented."""
    target = make(ridge, tmp_path)
    arguments = (*target.arguments, "--log", str(tmp_path / "log"))
    with serving(tmp_path, *arguments, cwd=tmp_path, env={"SEATRIAL_ADMIN_TOKEN": "s3cret"}) as server:
        done = subprocess.run(
            [PROGRAM, "run", f"{server.url}/openapi.json", *OPTIONS],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        workers = server.workers

    assert 0 == done.returncode, done.stdout[-5000:]
    assert "Tested: 20" in done.stdout
    assert 1 == len(workers)
