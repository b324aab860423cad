"""What is wrong with a file: a value that only the whole file shows to be wrong, and text that is no YAML at all."""

from ruamel.yaml.error import MarkedYAMLError

from seatrial.records import UsageError


class InvalidError(Exception):
    """A value that only the whole file shows to be wrong; `key` is its path in the file."""

    def __init__(self, key: tuple[str | int, ...], message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.message = message
        self.remedy = remedy


def not_yaml(error: Exception, where: str) -> UsageError:
    """The error for a file that ruamel.yaml can't read, with the line if it is known."""
    if not isinstance(error, MarkedYAMLError):
        return UsageError(f"this is not YAML: {error}", where=where, remedy="mend the syntax")
    mark = error.problem_mark or error.context_mark
    line = f":{mark.line + 1}" if mark else ""
    what = " ".join(part for part in (error.context, error.problem) if part)
    return UsageError(f"this is not YAML: {what}", where=f"{where}{line}", remedy="mend the syntax there")
