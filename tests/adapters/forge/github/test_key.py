"""An App's key is found where `forge.key` says, and what it holds is in no message."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as curve_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from seatrial.adapters.clock import SystemClock
from seatrial.records import ForgeKind, ForgeSpec, UsageError
from seatrial.wiring import open_forge
from tests.adapters.forge.github.conftest import REPOSITORY
from tests.forges.github.apps import pem, private_key
from tests.forges.github.fake import serving

_KEY = private_key()
_PEM = pem(_KEY)


def _spec(key: str, url: str = "https://git.example.com", app: str = "7") -> ForgeSpec:
    return ForgeSpec(kind=ForgeKind.GITHUB, url=url, app=app, key=key)


def _refused(key: str, environ: dict[str, str], project: Path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        open_forge(_spec(key), environ, project)
    assert "forge.key" == caught.value.where
    return caught.value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("app.pem", ""),
        ("${KEYS}/app.pem", "."),
        ("${APP_KEY}", _PEM),
        ("${APP_KEY}", _PEM.replace("\n", "\\n")),
        ("${APP_KEY}", _PEM.replace("\n", "\r\n")),
    ],
)
def test_a_key_is_a_file_or_a_variable(tmp_path: Path, written: str, value: str) -> None:
    """The file is relative to the project; the variable may have its lines' ends written out. Others may read the file."""
    (tmp_path / "app.pem").write_text(_PEM)
    (tmp_path / "app.pem").chmod(0o644)
    with serving(SystemClock()) as fake:
        fake.world.repository(REPOSITORY)
        fake.world.open_pull(REPOSITORY, "change")
        app = fake.world.app("seatrial", _KEY.public_key())
        fake.world.install(app, "acme")
        forge = open_forge(_spec(written, fake.url, app.client), {"KEYS": value, "APP_KEY": value}, tmp_path)
        asked = len(fake.asked)

        assert (0, 1) == (asked, forge.pull(REPOSITORY, 1).number)


_OTHERS = {
    "a word": "not-a-key-but-secret",
    "cut off": _PEM[: len(_PEM) // 2],
    "public": _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    "encrypted": _KEY.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x")
    ).decode(),
    "of another kind": curve_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    "nothing": "",
}


@pytest.mark.parametrize("text", _OTHERS.values(), ids=_OTHERS)
@pytest.mark.parametrize("written", ["app.pem", "${APP_KEY}"])
def test_what_is_no_key_is_told_without_what_it_is(tmp_path: Path, written: str, text: str) -> None:
    """The message has the name as it is written."""
    (tmp_path / "app.pem").write_text(text)
    error = _refused(written, {"APP_KEY": text}, tmp_path)

    assert f"{written} holds no private key of a GitHub App" == error.what
    assert not [line for line in text.splitlines() if line and line in str(error)]


@pytest.mark.parametrize("written", ["app.pem", "${PLACE}/app.pem", "."])
def test_a_key_that_is_not_there_is_told(tmp_path: Path, written: str) -> None:
    """With the reason, and the name as it is written: what a variable holds is not shown."""
    error = _refused(written, {"PLACE": "secret-place"}, tmp_path)

    assert f"the file of the App's key can't be read: {written}: " in error.what
    assert "secret-place" not in str(error)


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    """As in any reference."""
    assert "the App's key refers to ${APP_KEY}, which is not set" == _refused("${APP_KEY}", {}, tmp_path).what


def test_a_key_in_the_configuration_is_refused(tmp_path: Path) -> None:
    """That file is in git. The message does not repeat it."""
    error = _refused(_PEM, {}, tmp_path)

    assert "the App's key itself is written there" in error.what
    assert not [line for line in _PEM.splitlines()[1:-1] if line in str(error)]
