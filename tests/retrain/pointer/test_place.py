"""The line of a `.gitignore` that keeps a dataset out of git."""

from hypothesis import given
from hypothesis import strategies as st

from seatrial.retrain.pointer.place import has_line, pointed_at, with_line, without_line

LINE = "/ratings.parquet"
CONTENTS = st.lists(st.sampled_from([b"*.tmp", b"# notes", b"", b"/ratings.csv", LINE.encode()]), max_size=5).map(
    b"\n".join
)


@given(CONTENTS)
def test_a_line_is_there_once_and_the_rest_as_it_was(content: bytes) -> None:
    """What was there comes first, and a second time changes nothing."""
    once = with_line(content, LINE)
    assert has_line(once, LINE)
    assert once.startswith(content)
    assert once == with_line(once, LINE)


@given(CONTENTS)
def test_without_it_every_other_line_stays(content: bytes) -> None:
    """In its order."""
    expected = [line for line in content.splitlines() if line != LINE.encode()]
    assert expected == without_line(with_line(content, LINE), LINE).splitlines()[: len(expected)]
    assert not has_line(without_line(content, LINE), LINE)


def test_what_is_no_pointer_names_nothing() -> None:
    """Neither a missing file nor one of something else."""
    assert "" == pointed_at(None, "a.dvc")
    assert "" == pointed_at(b"[1, 2", "a.dvc")
    assert "9a0364b9e99bb480dd25e1f0284c8555" == pointed_at(
        b"outs:\n- md5: 9a0364b9e99bb480dd25e1f0284c8555\n  path: a\n", "a.dvc"
    )
