"""Any past version is rebuilt exactly, whatever was appended since."""

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.datasets.build import FileForm
from tests.datasets.making import Place, Row, place_in, rows_in

_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
_ROWS = st.lists(
    st.tuples(
        st.integers(-(2**40), 2**40),
        st.integers(-(2**63), 2**63 - 1),
        st.none() | _TEXTS,
        st.floats(),
        st.none() | st.booleans(),
    ),
    max_size=5,
)
_APPENDS = st.lists(st.tuples(_ROWS, _ROWS), min_size=1, max_size=4)


@pytest.mark.slow
@settings(max_examples=10)
@given(_APPENDS)
def test_every_version_is_rebuilt_byte_for_byte_also_after_later_ones(
    appends: list[tuple[list[Row], list[Row]]],
) -> None:
    """In both forms, from the store alone; its rows are those that were given, in their order, and no quarantined one."""
    with TemporaryDirectory() as folder, place_in(Path(folder)) as place:
        first = [_appended(place, rows, refused) for rows, refused in appends]
        expected: list[Row] = []
        for number, (rows, _) in enumerate(appends, start=1):
            expected += rows
            version = place.book.version("ratings", number)
            assert first[number - 1] == tuple(place.built(version, form) for form in FileForm)
            assert _comparable(expected) == _comparable(rows_in(place.built(version), place.folder))


def _appended(place: Place, rows: list[Row], refused: list[Row]) -> tuple[bytes, ...]:
    """Append a version; its files when it was the newest."""
    version = place.append(rows, quarantined=place.quarantine(refused) if refused else None)
    return tuple(place.built(version, form) for form in FileForm)


def _comparable(rows: list[Row]) -> list[tuple[object, ...]]:
    """NaN equals itself here; -0.0 is not 0.0."""
    return [
        (time, user, movie, "nan" if math.isnan(rating) else (rating, math.copysign(1, rating)), liked)
        for time, user, movie, rating, liked in rows
    ]
