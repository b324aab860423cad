"""What the fake GitHub does for Apps: it checks the JWTs that they sign, and gives them tokens where they are installed."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.forges.github.answers import RefusedError
from tests.forges.github.document import Document
from tests.forges.github.shown import Shown
from tests.forges.github.state import App, Installation, Token, World

Json = dict[str, Any]
_LONGEST = 600
_HOUR = timedelta(hours=1)
_UNREADABLE = "A JSON web token could not be decoded"
_ISSUED = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
_ENDED = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
_FAR = "'Expiration time' claim ('exp') is too far in the future"


def private_key(number: int = 0) -> RSAPrivateKey:
    """A key of an App; another for each number."""
    return _keys(number)


@cache
def _keys(number: int) -> RSAPrivateKey:
    del number
    return generate_private_key(public_exponent=65_537, key_size=2_048)


def pem(key: RSAPrivateKey) -> str:
    """As GitHub hands it out."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def looks_signed(text: str) -> bool:
    """Whether it is a JWT rather than a token."""
    return text.count(".") == 2


def signed_by(world: World, text: str) -> App:
    """The App that signed a JWT, if GitHub would take it at this moment."""
    app = _named(world, text)
    for key in app.keys:
        try:
            claims = jwt.decode(text, key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False})
        except jwt.InvalidTokenError:
            continue
        _check_times(claims, int(world.clock.now().timestamp()))
        return app
    raise RefusedError(401, _UNREADABLE)


def _named(world: World, text: str) -> App:
    try:
        named = jwt.decode(text, options={"verify_signature": False})["iss"]
    except (jwt.InvalidTokenError, KeyError) as error:
        raise RefusedError(401, _UNREADABLE) from error
    found = [app for app in world.apps if named in {str(app.id), app.client}]
    if not found:
        raise RefusedError(404, "Integration not found")
    return found[0]


def _check_times(claims: Json, now: int) -> None:
    if not isinstance(claims.get("iat"), int) or claims["iat"] > now:
        raise RefusedError(401, _ISSUED)
    if not isinstance(claims.get("exp"), int) or claims["exp"] <= now:
        raise RefusedError(401, _ENDED)
    if claims["exp"] > now + _LONGEST:
        raise RefusedError(401, _FAR)


class AppAnswers:
    """Carries out what only Apps may ask, each in its own name."""

    def __init__(self, world: World, document: Document, site: str) -> None:
        self._world = world
        self._shown = Shown(document, site)
        self._does: dict[str, Callable[[App, Json], tuple[int, Any]]] = {
            "GET /app": self._about,
            "GET /repos/{owner}/{repo}/installation": self._where,
            "POST /app/installations/{installation_id}/access_tokens": self._grant,
        }

    def __contains__(self, name: object) -> bool:
        """Whether an operation is one of these."""
        return name in self._does

    def give(self, name: str, named: Json, app: App | None) -> tuple[int, Any]:
        """Status and body; `app` is None for whoever is none."""
        if app is None:
            raise RefusedError(401, _UNREADABLE)
        return self._does[name](app, named)

    def _about(self, app: App, _: Json) -> tuple[int, Any]:
        return 200, self._shown.about(app)

    def _where(self, app: App, named: Json) -> tuple[int, Any]:
        name = f"{named['owner']}/{named['repo']}"
        known = name in self._world.repositories
        found = [one for one in self._world.installations.values() if one.app is app and known and one.serves(name)]
        if not found:
            raise RefusedError(404, "Not Found")
        return 200, self._shown.installation(found[0])

    def _grant(self, app: App, named: Json) -> tuple[int, Any]:
        found = self._world.installations.get(int(named["installation_id"]))
        if found is None or found.app is not app:
            raise RefusedError(404, "Not Found")
        if found.suspended is not None:
            raise RefusedError(403, "This installation has been suspended")
        return 201, self._shown.grant(self._made(found), found)

    def _made(self, installation: Installation) -> Token:
        text = self._world.token("app", installation.app.account.login, installation.rights)
        made = self._world.tokens[text]
        made.installation, made.ends = installation, self._world.clock.now() + _HOUR
        return made
