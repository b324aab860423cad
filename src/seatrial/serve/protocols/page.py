"""The model's page: what it takes, how it is asked, and an example that can be sent; one file that works offline.

Whatever comes from a model (names, descriptions, examples) is escaped, and the page's policy lets it load nothing.
"""

import html
import importlib.resources
import shlex
from dataclasses import dataclass
from string import Template
from typing import cast
from urllib.parse import quote

import msgspec

from seatrial.records.serving import Field, Form, ModelInfo, Signature
from seatrial.serve.codec import Endpoint
from seatrial.serve.protocols.example import example_row
from seatrial.serve.protocols.operation import Described, Operation
from seatrial.serve.protocols.tensors import shape_words
from seatrial.serve.validation import Json, expected, words

_DIGEST_TOLD = 19
_CLASSES_TOLD = 20
_ORIGIN = '<span data-origin="">http://localhost:8000</span>'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One endpoint and what it says of itself."""

    endpoint: Endpoint
    operation: Operation


def page(signature: Signature, info: ModelInfo, endpoints: tuple[Endpoint, ...]) -> bytes:
    """The page, in UTF-8.

    Args:
        signature: of the model.
        info: who it is.
        endpoints: as listed by `protocols.endpoints`.
    """
    template = importlib.resources.files("seatrial.serve.protocols").joinpath("page.html").read_text("utf-8")
    ways = [_Way(endpoint=one, operation=cast("Described", one.codec).operation()) for one in endpoints]
    return (
        Template(template)
        .substitute(
            name=_text(info.name),
            name_in_path=_text(quote(info.name)),
            version=_text(info.version),
            facts=_facts(signature, info),
            lede=_lede(signature),
            inputs=_inputs(signature),
            routes="".join(map(_route, ways)),
            reason=_text(info.choice.reason),
            evidence=_evidence(info),
            examples=_data(_examples(ways)),
        )
        .encode()
    )


def _text(value: object) -> str:
    return html.escape(str(value))


def _data(value: Json) -> str:
    """JSON inside a script element: nothing in it can end the element."""
    return msgspec.json.encode(value).decode().replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _json(value: Json) -> str:
    return msgspec.json.encode(value).decode()


def _facts(signature: Signature, info: ModelInfo) -> str:
    facts = {
        "Kind": info.flavour,
        "Engine": info.choice.engine.value,
        "From": info.source,
        "Digest": info.digest[:_DIGEST_TOLD] + ("…" if len(info.digest) > _DIGEST_TOLD else ""),
        "Answers": _answers(signature),
        "Stack": ", ".join(f"{name} {version}" for name, version in info.stack.items()),
    }
    return "".join(
        f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in facts.items() if value
    )


def _answers(signature: Signature) -> str:
    if not signature.classes:
        return signature.output
    told = ", ".join(words(one) for one in signature.classes[:_CLASSES_TOLD])
    more = len(signature.classes) - _CLASSES_TOLD
    return f"{signature.output}: {told}{f' and {more} more' if more > 0 else ''}"


def _lede(signature: Signature) -> str:
    if signature.example is not None and signature.trusted_example:
        return "The example came with the model. Change it as you like."
    if signature.form is Form.JSON:
        return "The model takes any JSON and brought no example; write what it expects."
    return "The example is made up from the types and ranges. Change it as you like."


# What it takes.


def _inputs(signature: Signature) -> str:
    if signature.form is Form.JSON:
        return ""
    columns = signature.form is Form.COLUMNS
    head = ("Field", "Takes", "May be left out", "Example") if columns else ("Tensor", "Type", "Shape of many rows")
    rows = _columns(signature) if columns else _tensors(signature)
    note = (
        "By name, or by position in this order."
        if signature.named
        else "The model was fitted without names; these were made up. By name, or by position in this order."
    )
    return (
        '<section aria-labelledby="inputs-title"><h2 id="inputs-title">What it takes</h2>'
        f'<p class="lede">{_text(note if columns else "Arrays whose first axis counts the rows.")}</p>'
        f'<div class="scroll" role="region" aria-labelledby="inputs-title" tabindex="0"><table><thead><tr>{_cells("th", head)}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _columns(signature: Signature) -> str:
    example = example_row(signature)
    return "".join(_column(field, example.get(field.name)) for field in signature.fields)


def _column(field: Field, example: Json) -> str:
    cells = (expected(field), "yes" if field.optional else "no", _json(example))
    return f'<tr><th scope="row">{_text(field.name)}</th>{_cells("td", cells)}</tr>'


def _tensors(signature: Signature) -> str:
    return "".join(
        f'<tr><th scope="row">{_text(tensor.name)}</th>{_cells("td", (tensor.dtype, shape_words(tensor.shape)))}</tr>'
        for tensor in signature.tensors
    )


def _cells(tag: str, values: tuple[str, ...]) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    return "".join(f"<{tag}{scope}>{_text(value)}</{tag}>" for value in values)


# How it is asked.


def _route(way: _Way) -> str:
    endpoint, operation = way.endpoint, way.operation
    paths = " · ".join(f"<code>{_text(path)}</code>" for path in endpoint.paths)
    description = f"<p>{_marked(operation.description)}</p>" if operation.description else ""
    return (
        f'<div class="route"><h3><span class="method">{_text(endpoint.method)}</span>{paths}</h3>'
        f"<p>{_text(operation.summary)}</p>{description}<pre><code>{_curl(way)}</code></pre></div>"
    )


def _marked(description: str) -> str:
    """Escaped, with `code` between backticks."""
    parts = html.escape(description).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def _curl(way: _Way) -> str:
    path = _text(_filled(way.endpoint.paths[0]))
    method = "" if way.endpoint.method in ("GET", "POST") else f" -X {_text(way.endpoint.method)}"
    if not way.operation.examples:
        return f"curl -s{method} {_ORIGIN}{path}"
    body = _text(shlex.quote(_json(next(iter(way.operation.examples.values())))))
    return f"curl -s{method} {_ORIGIN}{path} -H 'content-type: application/json' -d {body}"


def _filled(path: str) -> str:
    """A template with something in each place."""
    return path.replace("{", "").replace("}", "") if "{" in path else path


def _examples(ways: list[_Way]) -> list[dict[str, Json]]:
    """What the page's form offers."""
    found: list[dict[str, Json]] = []
    for way in ways:
        path = way.endpoint.paths[0]
        for name, body in (way.operation.examples or {"": None}).items():
            label = f"{path}{f' – {name}' if name else ''}"
            found.append({"label": label, "method": way.endpoint.method, "path": _filled(path), "body": body})
    return found


# Who computes.


def _evidence(info: ModelInfo) -> str:
    if not info.choice.evidence:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{_text(name.replace("_", " "))}</th><td>{_text(_figure(value))}</td></tr>'
        for name, value in info.choice.evidence.items()
    )
    return f'<div class="scroll" role="region" aria-labelledby="engine-title" tabindex="0"><table><tbody>{rows}</tbody></table></div>'


def _figure(value: Json) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_figure(one)}" for name, one in value.items())
    if isinstance(value, str):
        return value
    return f"{value:.6g}" if isinstance(value, float) else _json(value)
