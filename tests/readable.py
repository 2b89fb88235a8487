"""What every figure of the course keeps: its texts are large enough and inside the picture."""


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
