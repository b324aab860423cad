"""Lines of a stream become rows: with a regular expression, JSON paths or a function of the project.

What a line means is decided here once, before anything counts: a line becomes a row with values of the columns' kinds, or
it is dead with a reason that a person understands, or it is nobody's business. A stream is read by the hundred thousand
lines a second, so a batch is read as columns; only what does not go that way is looked at value by value, with the same
result.
"""

from pathlib import Path

from seatrial.records import ColumnSpec, ParserKind, ParserSpec
from seatrial.retrain.parse.documents import PathExtractor
from seatrial.retrain.parse.extracted import Extractor
from seatrial.retrain.parse.function import FunctionExtractor, load_line_function
from seatrial.retrain.parse.lines import LineReader
from seatrial.retrain.parse.parsed import OFFSET, DeadLine, ParsedBatch
from seatrial.retrain.parse.parser import Parser
from seatrial.retrain.parse.regex import RegexExtractor

__all__ = ["OFFSET", "DeadLine", "ParsedBatch", "Parser", "open_parser"]


def open_parser(spec: ParserSpec, columns: tuple[ColumnSpec, ...], project: Path) -> Parser:
    """The parser of a loop.

    Args:
        spec: what the configuration says of it.
        columns: of the rows.
        project: folder in which the project's function is found.

    Raises:
        UsageError: the project has no such function.
    """
    return Parser(LineReader(spec.ignore), _extractor(spec, project), columns, spec.time_format)


def _extractor(spec: ParserSpec, project: Path) -> Extractor:
    if spec.kind is ParserKind.REGEX:
        return RegexExtractor(spec.pattern, spec.fields, spec.prefix, spec.separator)
    if spec.kind is ParserKind.JSON:
        return PathExtractor(spec.paths)
    return FunctionExtractor(load_line_function(spec.function, project))
