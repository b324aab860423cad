"""What a request to the judge asks for, from its body or from Flagger's metadata, checked before anything is done.

Both end in one record, `Asked`: whose figures, from where, held to which policy. A policy is written as below
`services.NAME.release` of the configuration, so that it can be moved between the two.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from seatrial.config import read_release, to_release
from seatrial.config.metrics import nearest
from seatrial.records import ReleaseSpec, UsageError
from seatrial.web.windows import Given, read_list

FETCHED_WINDOW: Final = 60.0
"""Seconds of a window that is fetched, unless the policy says otherwise: several scrapes of a Prometheus."""

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,199}")
_PAGE = "see docs/reference/judge.md for what a request may hold"
_MOST_WINDOWS = 10_000

Short = Annotated[str, Meta(max_length=200)]
Raws = Annotated[tuple[msgspec.Raw, ...], Meta(max_length=_MOST_WINDOWS)]
ShapeT = TypeVar("ShapeT", bound=Struct)


class JudgeJson(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The body of `POST /v1/judge`."""

    release: Short | None = None
    policy: dict[str, Any] | None = None
    service: Short | None = None
    history: Raws = ()
    windows: Raws = ()
    state: str | None = None
    stable: Short | None = None
    canary: Short | None = None
    weight: Annotated[float, Meta(ge=0, le=1)] | Annotated[str, Meta(max_length=2000)] | None = None


class FlaggerJson(Struct, kw_only=True, frozen=True):
    """The payload of Flagger's webhooks. What later versions of Flagger add to it is passed over."""

    name: Annotated[str, Meta(min_length=1, max_length=63)]
    namespace: Annotated[str, Meta(min_length=1, max_length=63)]
    phase: Short = ""
    checksum: Annotated[str, Meta(max_length=20)] = ""
    metadata: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Where figures are fetched that nobody hands in.

    Attributes:
        service: what stands for `$service` in the queries.
        stable, canary: what stands for `$version`.
        weight: share of requests that the canary is to get, or PromQL that tells it; None: unknown.
        seconds: length of a window.
    """

    service: str
    stable: str
    canary: str
    weight: float | str | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request to the judge.

    Attributes:
        release: under which name the server keeps its state; None: it keeps nothing.
        spec: policy, thresholds and source.
        fixed: whether the request says what the policy is. One that doesn't goes on with what is kept.
        fetch: None where windows are handed in.
        state: of an earlier answer, where the caller keeps it.
    """

    release: str | None
    spec: ReleaseSpec
    fixed: bool = True
    history: tuple[Given, ...] = ()
    windows: tuple[Given, ...] = ()
    fetch: Fetch | None = None
    state: str | None = None


def read_request(body: bytes, services: Mapping[str, ReleaseSpec]) -> Asked:
    """What a body of `POST /v1/judge` asks for. Raises UsageError that names the key which is wrong."""
    given = _decoded(body, JudgeJson, JudgeJson.__struct_fields__)
    if given.release is not None and given.state is not None:
        raise UsageError("both release and state are given", where="state", remedy="let one side keep the state")
    spec = _spec(given.policy, given.service, services)
    fetch = _fetch(given, spec)
    if fetch is not None and given.release is None:
        raise UsageError(
            "figures are to be fetched, but the release has no name to keep them under",
            where="release",
            remedy="name it; one name for each version that is rolled out",
        )
    return Asked(
        release=given.release,
        spec=spec,
        fixed=given.policy is not None or given.service is not None,
        history=read_list(given.history, "history"),
        windows=read_list(given.windows, "windows"),
        fetch=fetch,
        state=given.state,
    )


def read_flagger(body: bytes, services: Mapping[str, ReleaseSpec]) -> tuple[Asked, Mapping[str, str]]:
    """What a webhook of Flagger asks for, and its metadata. Raises UsageError."""
    given = _decoded(body, FlaggerJson, FlaggerJson.__struct_fields__)
    metadata = given.metadata or {}
    known = ("service", "policy", "stable", "canary", "weight", "release")
    policy = metadata.get("policy")
    if policy is None and "service" not in metadata:
        raise UsageError(
            "metadata says neither policy nor service" + _near(metadata, known),
            where="metadata",
            remedy="name a service of the judge's seatrial.yaml, or write the policy there as text",
        )
    spec = (
        _spec(None, metadata["service"], services) if policy is None else read_release(policy, where="metadata.policy")
    )
    _check_source(spec, "metadata.policy")
    windowed = policy is None or _says_window(policy)
    fetch = Fetch(
        service=metadata.get("service") or given.name,
        stable=_version(metadata.get("stable") or f"{given.name}-primary", "metadata.stable"),
        canary=_version(metadata.get("canary") or given.name, "metadata.canary"),
        weight=_weight(metadata.get("weight")),
        seconds=spec.window if windowed else FETCHED_WINDOW,
    )
    named = ".".join(part for part in (given.namespace, given.name, given.checksum) if part)
    return Asked(release=metadata.get("release") or named, spec=spec, fetch=fetch), metadata


def _says_window(policy: str) -> bool:
    return re.search(r"\bwindow[\"']?\s*:", policy) is not None


def _weight(text: str | None) -> float | str | None:
    """A share as Flagger's metadata, which are texts, have it: `0.2`, `20%`, or PromQL."""
    if text is None:
        return None
    number = text.strip().removesuffix("%")
    try:
        share = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        return text
    if not 0 <= share <= 1:
        raise UsageError(f"{text!r} is no share", where="metadata.weight", remedy="write for example 20% or 0.2")
    return share


def _spec(policy: Mapping[str, Any] | None, service: str | None, services: Mapping[str, ReleaseSpec]) -> ReleaseSpec:
    if policy is not None and service is not None:
        raise UsageError("both policy and service are given", where="service", remedy="keep one of them")
    if policy is not None:
        return to_release(policy, where="policy")
    if service is None:
        return ReleaseSpec()
    if service not in services:
        near = nearest(service, services)
        raise UsageError(
            f"the judge knows no service {service[:80]!r}" + (f"; did you mean {near!r}?" if near else ""),
            where="service",
            remedy="start it in the folder of the seatrial.yaml that has the service, or send the policy itself",
        )
    return services[service]


def _fetch(given: JudgeJson, spec: ReleaseSpec) -> Fetch | None:
    if given.stable is None and given.canary is None:
        if given.weight is not None:
            raise UsageError("weight is given without stable and canary", where="weight", remedy=_PAGE)
        return None
    if given.windows or given.history:
        raise UsageError(
            "windows are handed in, and versions to fetch named", where="windows", remedy="keep one of them"
        )
    _check_source(spec, "policy")
    own = given.policy is None or "window" in given.policy
    return Fetch(
        service=given.service or given.release or "",
        stable=_version(given.stable, "stable"),
        canary=_version(given.canary, "canary"),
        weight=given.weight,
        seconds=spec.window if own else FETCHED_WINDOW,
    )


def _check_source(spec: ReleaseSpec, where: str) -> None:
    if spec.source.kind != "prometheus":
        raise UsageError(
            "nothing says where the figures are",
            where=f"{where}.source",
            remedy="add source: {kind: prometheus, url: …, requests: …, errors: …, latency: …}",
        )


def _version(text: str | None, where: str) -> str:
    if text is None or _VERSION.fullmatch(text) is None:
        raise UsageError(
            "this arm has no name that can stand in a query" if text else "only one arm is named",
            where=where,
            remedy="give what stands for $version in the queries: letters, digits, and . _ : @ / + -",
        )
    return text


def _near(given: Mapping[str, str], known: Sequence[str]) -> str:
    found = ((key, nearest(key, known)) for key in given)
    return next((f"; did you mean {near!r} by {key[:40]!r}?" for key, near in found if near and near != key), "")


def _decoded(body: bytes, shape: type[ShapeT], keys: Sequence[str]) -> ShapeT:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        message = str(error)
        unknown = message.partition("unknown field `")[2].partition("`")[0]
        near = nearest(unknown, keys) if unknown else None
        hint = f"; did you mean `{near}`?" if near else ""
        raise UsageError(f"{message[:1].lower()}{message[1:]}{hint}", where="body", remedy=_PAGE) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"this is not JSON: {error}", where="body", remedy=_PAGE) from None
