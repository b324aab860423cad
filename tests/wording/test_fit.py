"""Markdown fits what a forge takes."""

from hypothesis import given
from hypothesis import strategies as st

from seatrial.wording.fit import Layout, Render, fit

WORDS = st.lists(st.text(alphabet="aé\n", max_size=30), min_size=1, max_size=3)


def layout(*names: str, gives_way: tuple[str, ...] = ()) -> Layout:
    """Parts of twenty, ten and no bytes, with a note that all is not there."""

    def part(name: str) -> Render:
        return lambda level: name * (20, 10, 0)[level]

    parts: dict[str, Render] = {name: part(name) for name in names}
    return Layout(
        parts={**parts, "note": lambda level: "..." if level else ""},
        gives_way=gives_way,
        note="note",
        by_lines=names[:1],
    )


def test_what_fits_is_whole() -> None:
    """Up to the last byte, and without a note."""
    whole = "a" * 20 + "\n\n" + "b" * 20 + "\n"
    assert whole == fit(layout("a", "b"), len(whole))
    assert whole == fit(layout("a", "b"), None)


def test_the_first_to_give_way_gives_way_first() -> None:
    """One step at a time, in the order that was asked for."""
    found = layout("a", "b", gives_way=("b", "b", "a"))
    assert "a" * 20 + "\n\n" + "b" * 10 + "\n\n...\n" == fit(found, 38)
    assert "a" * 20 + "\n\n...\n" == fit(found, 37)
    assert "a" * 10 + "\n\n...\n" == fit(found, 20)


def test_what_was_given_up_for_nothing_is_taken_back() -> None:
    """The last step made so much room that the one before was not needed."""
    parts: dict[str, Render] = {
        "wide": lambda level: "w" * (100, 10)[level],
        "small": lambda level: "s" * (10, 0)[level],
        "note": lambda _: "",
    }
    found = Layout(parts=parts, gives_way=("small", "wide"), note="note", by_lines=("wide",))
    assert "w" * 10 + "\n\n" + "s" * 10 + "\n" == fit(found, 30)


def test_lines_are_left_when_nothing_else_helps() -> None:
    """Whole ones, below what must stay."""
    parts: dict[str, Render] = {
        "head": lambda _: "<!-- x -->",
        "table": lambda _: "| a |\n| b |\n| c |",
        "note": lambda _: "cut",
    }
    found = Layout(parts=parts, gives_way=(), note="note", by_lines=("table",), whole=("head",))
    assert "<!-- x -->\n\n| a |\n| b |\n\ncut\n" == fit(found, 31)


def test_a_form_that_can_not_help_is_not_rendered() -> None:
    """What comes after a part that is too long already costs nothing."""
    asked: list[tuple[str, int]] = []

    def part(name: str, *sizes: int) -> Render:
        def render(level: int) -> str:
            asked.append((name, level))
            return "x" * sizes[level]

        return render

    parts = {"first": part("first", 100, 1), "second": part("second", 100, 0), "note": lambda _: ""}
    fit(Layout(parts=parts, gives_way=("second", "first"), note="note", by_lines=()), 50)
    assert ("second", 0) not in asked[:2]
    assert len(asked) == len(set(asked))


@given(st.dictionaries(st.sampled_from("abcd"), WORDS, min_size=1), st.integers(10, 120), st.randoms())
def test_it_always_fits(forms: dict[str, list[str]], limit: int, random: object) -> None:
    """Whatever the parts are, as long as there is room for the note."""

    def part(sizes: list[str]) -> Render:
        return lambda level: sorted(sizes, key=len, reverse=True)[level] if level < len(sizes) else ""

    gives_way = [name for name, sizes in forms.items() for _ in sizes]
    random.shuffle(gives_way)  # type: ignore[attr-defined]
    parts: dict[str, Render] = {name: part(sizes) for name, sizes in forms.items()}
    found = Layout(
        parts={**parts, "note": lambda level: "cut" if level else ""},
        gives_way=gives_way,
        note="note",
        by_lines=tuple(forms),
    )
    assert len(fit(found, limit).encode()) <= limit
