"""The drawn timeline."""

import pytest
from readable import check_texts

from metalib.timeline import WORKS, Work, plot_timeline


def test_the_timeline_is_readable_and_tells_everything_in_words():
    figure = plot_timeline()
    figure.canvas.draw()
    check_texts(figure, figure.bbox.width)
    for entry in WORKS:
        assert f"{entry.year} {entry.authors}: {entry.what}" in figure.alt


def test_the_timeline_wants_its_years_in_order():
    with pytest.raises(ValueError, match="order of their years"):
        plot_timeline((Work(2017, "b", "", "idea"), Work(2016, "a", "", "idea")))
