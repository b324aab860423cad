"""The reference of the configuration is what the code accepts."""

from pathlib import Path

from seatrial.config.reference import SECTIONS, reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def test_the_page_is_current() -> None:
    """After a change of the models: `python -m seatrial.config.reference > docs/reference/configuration.md`."""
    assert reference() == PAGE.read_text()


def test_every_key_is_described() -> None:
    """A key without a description would be an empty cell."""
    undescribed = [
        f"{model.__name__}.{name}"
        for _, _, model in SECTIONS
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert [] == undescribed
