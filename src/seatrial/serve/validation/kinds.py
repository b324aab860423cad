"""Why a request was refused, in the few words that metrics count by."""

from enum import StrEnum


class Reason(StrEnum):
    """`kind` of every `Refused` that the codecs raise; the set is closed, so that metrics stay bounded."""

    EMPTY = "empty"  # 400: no body at all
    NOT_JSON = "not_json"  # 400
    NOT_UTF8 = "not_utf8"  # 400
    MALFORMED = "malformed"  # 400: JSON or bytes, but not what the protocol says
    UNKNOWN_OUTPUT = "unknown_output"  # 400: an output that the model doesn't have
    NOT_FOUND = "not_found"  # 404: a path that fits no template
    TOO_MANY_ROWS = "too_many_rows"  # 413
    WRONG_TYPE = "wrong_type"  # 415: a content type or encoding that isn't read
    TOO_DEEP = "too_deep"  # 422
    NO_ROWS = "no_rows"  # 422
    INVALID = "invalid"  # 422: values that the signature doesn't allow
    NOT_FINITE = "not_finite"  # 422: the model answered NaN or infinity
    BAD_ANSWER = "bad_answer"  # 500: the model answered what JSON can't carry
