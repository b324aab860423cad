"""What callers send to `POST /feedback`: labels that came in later, each for one row of a request."""

from typing import Any

import msgspec

from seatrial.serve.codec import Complaint, Refused
from seatrial.serve.log.answered import Label

LONGEST_ID = 512
_LAST_ROW = 2**31 - 1
_COMPLAINTS = 20
_SHOWN = 80
_FIELDS = {"request_id", "row", "label"}


def read_feedback(body: bytes) -> list[Label]:
    """The labels of a body.

    Args:
        body: `{"request_id": "…", "label": 5}`, with `"row": 2` for a row other than the first; or a JSON list of
            these; or one a line (JSON lines).

    Raises:
        Refused: 400 `not_json`, or 422 `invalid` with what is wrong, label by label. Nothing of such a body counts.
    """
    found = _decode(body)
    if not found:
        raise Refused(422, "invalid", "There is no label in the body.")
    labels: list[Label] = []
    complaints: list[Complaint] = []
    for index, one in enumerate(found):
        wrong = _wrong(one, index)
        if wrong is None:
            labels.append(Label(request_id=one["request_id"], row=one.get("row", 0), label=one["label"]))
        else:
            complaints.append(wrong)
    if complaints:
        message = f"{len(complaints)} of {len(found)} labels cannot be taken: {complaints[0].message}"
        raise Refused(422, "invalid", message, tuple(complaints[:_COMPLAINTS]))
    return labels


def _decode(body: bytes) -> list[Any]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        lines = [line for line in body.splitlines() if line.strip()]
        if len(lines) < 2:  # noqa: PLR2004 - one line was no JSON already
            raise Refused(400, "not_json", f"The body is not JSON: {error}.") from None
        return [_line(line, index) for index, line in enumerate(lines)]
    except RecursionError:
        raise Refused(400, "not_json", "The body is nested too deeply.") from None
    return value if isinstance(value, list) else [value]


def _line(line: bytes, index: int) -> object:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, "not_json", f"Line {index + 1} of the body is not JSON: {error}.") from None
    except RecursionError:
        raise Refused(400, "not_json", f"Line {index + 1} of the body is nested too deeply.") from None


def _wrong(one: object, index: int) -> Complaint | None:
    if not isinstance(one, dict):
        return _complaint(index, None, one, 'an object such as {"request_id": "…", "label": 5}')
    unknown = sorted(one.keys() - _FIELDS)
    if unknown:
        return _complaint(index, unknown[0], one[unknown[0]], "only request_id, row and label")
    request_id, row = one.get("request_id"), one.get("row", 0)
    if not isinstance(request_id, str) or not 0 < len(request_id) <= LONGEST_ID:
        return _complaint(index, "request_id", request_id, f"the id of a request: text of 1 to {LONGEST_ID} characters")
    if not isinstance(row, int) or isinstance(row, bool) or not 0 <= row <= _LAST_ROW:
        return _complaint(index, "row", row, "the number of a row of the request, from 0")
    if one.get("label") is None:
        return _complaint(index, "label", None, "any JSON value but null")
    return None


def _complaint(index: int, field: str | None, value: object, expected: str) -> Complaint:
    shown = msgspec.json.encode(value).decode()
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
    where = f"label {index}" if field is None else f"label {index}, field {field!r}"
    return Complaint(
        message=f"{where}: {shown} where {expected} is expected", row=index, field=field, value=shown, expected=expected
    )
