"""What every picture of the course keeps: its texts can be read, and both ways to paint it agree."""

import numpy as np


def check_texts(figure, width, least=21):
    parts = [*(axes for axes in figure.axes if axes.get_visible()), *figure.texts, *figure.legends]
    found = [text for part in parts for text in part.findobj(lambda artist: hasattr(artist, "get_fontsize"))]
    texts = [text for text in found if text.get_text()]
    assert len(texts) >= least
    for text in texts:
        assert text.get_fontsize() >= 12
        if text.get_visible():
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0, text.get_text()


def check_fast_picture(painter, state, result):
    """The picture over the kept background is the one that is painted as a whole; returns its pixels."""
    full = np.asarray(painter.full(state, result).canvas.buffer_rgba())
    assert (painter.pixels(state, result) == full).all()
    return full


def check_nothing_still_has_changed(painter, state, result):
    """This picture needs no background of its own."""
    background = painter.ground
    painter.pixels(state, result)
    assert painter.ground is background, "nothing that stands still has changed"
