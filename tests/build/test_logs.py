"""Logs are bounded and safe to show."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.logs import Redactor, redact, tail
from seatrial.trial.build.logs import copy_bounded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:token@host/simple", "https://****@host/simple"),
        ("https://token@host/simple", "https://****@host/simple"),
        ("from git+ssh://git:p@ss@host/x and http://a:b@c", "from git+ssh://****@host/x and http://****@c"),
        ("https://host/simple mail me@example.org", "https://host/simple mail me@example.org"),
    ],
)
def test_logins_in_urls_are_masked(text: str, expected: str) -> None:
    """The host stays, so that the message is still of use."""
    assert expected == redact(text)


@settings(deadline=None)
@given(secret=st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=6), around=st.text(max_size=20))
def test_values_of_secret_variables_never_come_through(secret: str, around: str) -> None:
    """Whatever a secret looks like, and whatever stands around it."""
    cleaned = Redactor({"API_TOKEN": secret}).text(f"{around}{secret}{around}")
    assert secret not in cleaned.replace("****", "")


def test_a_long_log_keeps_its_beginning_and_its_end() -> None:
    """The middle is dropped, and a line says how much of it."""
    source = io.BytesIO(b"first\n" + b"x" * 99 + b"\n" + b"".join(b"%09d\n" % number for number in range(1_000_000)))
    target = io.BytesIO()
    copy_bounded(source, target, Redactor({}), kept=100)
    written = target.getvalue()
    assert written.startswith(b"first\n")
    assert written.endswith(b"000999999\n")
    assert b"bytes of this log were dropped here" in written
    assert len(written) < 5 << 20


def test_the_tail_is_safe_to_show(tmp_path: Path) -> None:
    """Colours, titles, bidi overrides and undecodable bytes are gone; of a progress bar the last state is left."""
    log = tmp_path / "log"
    log.write_bytes(b"old\n\x1b[31mred\x1b[0m \x1b]0;title\x07\n 1%\r 99%\r100%\ncaf\xc3\xa9 \xe2\x80\xae\xff\n")
    assert tail(log, 3) == "red \n100%\ncaf\u00e9 \ufffd"


def test_there_may_be_no_log(tmp_path: Path) -> None:
    """A command that never ran has an empty tail."""
    assert not tail(tmp_path / "nope")
