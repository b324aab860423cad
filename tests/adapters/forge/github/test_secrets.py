"""No message and no log ever holds a key or a token, whatever goes wrong and whatever GitHub says."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.adapters.forge.github import GithubForge
from seatrial.adapters.forge.github_app import AppKey
from seatrial.records import Check, CheckPhase, SeatrialError
from seatrial.testing import FakeClock
from tests.adapters.forge.github.conftest import REPOSITORY
from tests.forges.github.apps import pem, private_key
from tests.forges.github.fake import FakeGithub, Fault, serving

_COMMIT = "0" * 40
_CALLS: list[Callable[[GithubForge], object]] = [
    lambda forge: forge.pull(REPOSITORY, 1),
    lambda forge: forge.comments(REPOSITORY, 1),
    lambda forge: forge.create_comment(REPOSITORY, 1, "hello"),
    lambda forge: forge.permission(REPOSITORY, "alice"),
    lambda forge: forge.git_header(REPOSITORY) and None,
    lambda forge: forge.set_check(
        Check(repository=REPOSITORY, commit=_COMMIT, name="x", key="1", phase=CheckPhase.QUEUED, title="waits")
    ),
]
_FAULTS = st.builds(
    Fault,
    status=st.sampled_from([0, 307, 400, 401, 403, 404, 422, 429, 500, 503]),
    message=st.sampled_from(["Bad credentials:", "Resource not accessible by integration"]),
    headers=st.sampled_from([{}, {"retry-after": "1"}, {"location": "https://elsewhere.example/"}]),
    path=st.sampled_from(["", "/app$", "/installation$", "access_tokens", "pulls", "issues", "check-runs"]),
    times=st.sampled_from([1, 3, 99]),
    skip=st.integers(0, 1),
    after=st.booleans(),
    html=st.booleans(),
    echo=st.just(True),  # noqa: FBT003
)


@dataclass
class _Told:
    """What people could read."""

    text: str = ""

    def add(self, *parts: object) -> None:
        """One more thing."""
        self.text += "".join(f"{part!s}\n{part!r}\n" for part in parts)


def _secrets(fake: FakeGithub) -> set[str]:
    proofs = {proof.partition(" ")[2] for proof in fake.proofs} - {""}
    return proofs | set(fake.world.tokens) | set(pem(private_key()).splitlines()[1:-1])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(_FAULTS, max_size=3), calls=st.lists(st.sampled_from(_CALLS), min_size=1, max_size=4))
@pytest.mark.parametrize("as_app", [True, False])
def test_no_message_and_no_log_holds_a_secret(
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    faults: list[Fault],
    calls: list[Callable[[GithubForge], object]],
    as_app: bool,  # noqa: FBT001
) -> None:
    """GitHub repeats in each refusal what it was sent, at any step, and everything is logged that can be."""
    clock, told = FakeClock(), _Told()
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    with contextlib.suppress(AssertionError), serving(clock) as fake:  # such answers fit no document
        fake.world.repository(REPOSITORY)
        fake.world.open_pull(REPOSITORY, "change")
        app = fake.world.app("seatrial", private_key().public_key())
        fake.world.install(app, "acme")
        credential = AppKey(app=str(app.id), key=private_key()) if as_app else fake.world.token("app", "seatrial[bot]")
        forge = GithubForge(fake.url, "", credential, clock=clock, timeout=5)
        fake.faults += faults
        for call in calls:
            try:
                told.add(call(forge))
            except SeatrialError as error:
                told.add(error, error.what, error.where, error.remedy)
            clock.sleep(120)
    told.add(caplog.text, *capfd.readouterr())

    assert [] == [secret for secret in _secrets(fake) if secret in told.text]


def test_what_holds_secrets_does_not_show_them() -> None:
    """A key that is printed by mistake is only its App's id."""
    assert "AppKey(app='7')" == repr(AppKey(app="7", key=private_key()))
