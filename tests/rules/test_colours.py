"""The town's colour: WCAG's own figures, and shades that stay readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.colours import Colour, contrast, deep, is_readable, readable, tint

WHITE = Colour.read("#ffffff")
channels = st.integers(min_value=0, max_value=255)
colours = st.builds(Colour, channels, channels, channels)


def test_contrast_is_what_wcag_says() -> None:
    assert contrast(WHITE, Colour.read("#000000")) == pytest.approx(21)
    assert contrast(WHITE, WHITE) == 1
    # The lightest grey that passes on white, and the first that does not: figures of the W3C's own examples.
    assert contrast(Colour.read("#767676"), WHITE) == pytest.approx(4.54, abs=0.005)
    assert contrast(Colour.read("#777777"), WHITE) == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("text", ["", "0017c1", "#017", "#0017cg", "#0017c1;", "blue", "#0017c10"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        Colour.read(text)


@given(colours)
def test_every_colour_has_a_readable_one_near(colour: Colour) -> None:
    found = readable(colour)
    assert is_readable(found)
    assert contrast(found, WHITE) >= 4.5
    assert (found == colour) is is_readable(colour)
    assert Colour.read(str(found)) == found


@given(colours)
def test_shades_stay_readable(colour: Colour) -> None:
    colour = readable(colour)
    assert contrast(colour, tint(colour)) >= 4.5
    assert contrast(deep(colour), WHITE) >= contrast(colour, WHITE)
