"""The error document that every protocol answers: a sentence, and the values that it is about."""

from typing import Any

import msgspec

from seatrial.serve.codec import NO_HEADERS, Answer, Complaint, Refused
from seatrial.serve.validation import TOLD

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "description": "What is wrong, in one sentence."},
        "details": {
            "type": "array",
            "maxItems": TOLD,
            "items": {
                "type": "object",
                "required": ["message"],
                "properties": {
                    "row": {"type": "integer", "minimum": 0, "description": "Of the request, from 0."},
                    "field": {"type": "string"},
                    "value": {"description": "What was sent; long ones are cut, NaN is a string."},
                    "expected": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
    "example": {
        "error": "pH is 20, expected a number below 14",
        "details": [
            {
                "row": 0,
                "field": "pH",
                "value": 20,
                "expected": "a number below 14",
                "message": "pH is 20, expected a number below 14",
            }
        ],
    },
}

UNAVAILABLE = 503
RETRY = ((b"retry-after", b"1"),)

_encode = msgspec.json.Encoder().encode


def error_answer(refused: Refused) -> Answer:
    """`{"error": …, "details": […]}`; `details` only where single values are to blame, `Retry-After` with 503."""
    document: dict[str, Any] = {"error": refused.message}
    if refused.complaints:
        document["details"] = [_detail(complaint) for complaint in refused.complaints[:TOLD]]
    return Answer(refused.status, _encode(document), headers=RETRY if refused.status == UNAVAILABLE else NO_HEADERS)


def _detail(complaint: Complaint) -> dict[str, Any]:
    told = {
        "row": complaint.row,
        "field": complaint.field,
        "value": complaint.value,
        "expected": complaint.expected or None,
        "message": complaint.message,
    }
    return {key: value for key, value in told.items() if value is not None}
