"""Painters: the fast road paints what the plain one does, in colours and sizes that everyone can read."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from metalib import look
from metalib.lab import Painter
from metalib.lab.png import encode_png
from metalib.lab.words import Entry, Panel, Words, _lines, _weight, as_json, with_words


class Dots(Painter):
    """Two axes; lines, text and points that move, and a limit that follows the data."""

    width, height = 400, 200

    def build(self, figure):
        left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.4})
        left.set(xlim=(0, 1), ylim=(0, 1))
        left.plot([0, 1], [0, 1], color=look.GREY, label="still")
        (self.line,) = right.plot([], [], color=look.BLUE, animated=True)
        (self.dots,) = left.plot([], [], "o", color=look.VERMILION, animated=True)
        self.note = left.text(0.2, 0.5, "", animated=True)
        self.right = right

    def update(self, state, result):
        self.dots.set_data(result, result)
        self.line.set_data(range(len(result)), result)
        self.note.set_text(f"{len(result)} dots")
        limits = (0, max(1, len(result)))
        if self.right.get_xlim() != limits:
            self.right.set_xlim(limits)
            self.renew()

    def words(self, state, result):
        return Words([Panel(0.1, 0.9, "dots", [Entry(f"dots {len(result)}", look.SUPPORT)])])

    def describe(self, state, result):
        return f"{len(result)} dots"


RESULTS = [[0.1, 0.5, 0.9], [0.3, 0.2, 0.8], [0.4] * 5, []]


def test_the_fast_road_equals_the_full_painting():
    picture = Dots()
    for resolution, result in itertools.product([1, 1.5], RESULTS):
        picture.resolution = resolution
        full = np.asarray(picture.full(None, result).canvas.buffer_rgba())
        assert full.shape == (200 * resolution, 400 * resolution, 4)
        assert (picture.pixels(None, result) == full).all()


def test_without_renew_a_changed_limit_would_be_missed():
    """The test above can fail: it is `renew` that makes the two roads agree."""
    picture = Dots()
    picture.renew = lambda: None
    picture.pixels(None, RESULTS[0])
    full = np.asarray(picture.full(None, RESULTS[2]).canvas.buffer_rgba())
    assert (picture.pixels(None, RESULTS[2]) != full).any()


def test_a_full_painting_leaves_the_painter_alone():
    picture = Dots()
    before = picture.png(None, RESULTS[0])
    picture.full(None, RESULTS[2])
    assert picture.png(None, RESULTS[0]) == before


def test_png_is_lossless():
    random = np.random.default_rng(0)
    for height, width in ((1, 1), (2, 3), (40, 70)):
        rgba = random.integers(0, 256, (height, width, 4), dtype=np.uint8)
        rgba[..., 3] = 255
        decoded = Image.open(io.BytesIO(encode_png(rgba)))
        assert decoded.mode == "RGB"
        assert (np.asarray(decoded) == rgba[..., :3]).all()


def test_points_of_the_picture_as_data():
    picture = Dots()
    picture.png(None, RESULTS[0])
    axes = picture.dots.axes
    box = axes.get_position()
    x, y = picture.to_data(axes, box.x0 + box.width / 4, 1 - (box.y0 + box.height / 2))
    assert (x, y) == (pytest.approx(0.25), pytest.approx(0.5))
    assert picture.to_data(axes, 0.999, 0.5) is None


def test_a_still_picture_has_its_words_above_it():
    pixels = Dots().pixels(None, RESULTS[0])
    panels = [
        Panel(0.1, 0.4, "left", [Entry("a dot", look.SUPPORT)]),
        Panel(0.5, 0.9, "right", note="a note"),
    ]
    plain, written = (
        np.asarray(Image.open(io.BytesIO(with_words(pixels, Words(words))))) for words in ([], panels)
    )
    np.testing.assert_array_equal(plain, pixels[..., :3])
    np.testing.assert_array_equal(written[-len(plain) :], plain)
    band = written[: -len(plain)]
    columns = np.flatnonzero((band != 255).any(axis=(0, 2))) / band.shape[1]
    assert band.shape[0] > 15 and columns.min() == pytest.approx(0.1, abs=0.03)
    assert ((columns > 0.5) & (columns < 0.9)).any() and not ((columns > 0.42) & (columns < 0.49)).any()


def test_a_remark_stands_below_a_still_picture():
    pixels = Dots().pixels(None, RESULTS[0])
    written = np.asarray(Image.open(io.BytesIO(with_words(pixels, Words(remark="words " * 60)))))
    np.testing.assert_array_equal(written[: len(pixels)], pixels[..., :3])
    band = written[len(pixels) :]
    columns = np.flatnonzero((band != 255).any(axis=(0, 2))) / band.shape[1]
    assert len(band) > 40 and columns.min() < 0.03 and columns.max() < 1


@pytest.mark.parametrize("more", [{"legend": [Entry("words " * 4)] * 4}, {"note": "words " * 16}])
def test_words_that_do_not_fit_go_on_below(more):
    pixels = Dots().pixels(None, RESULTS[0])
    tall = np.asarray(Image.open(io.BytesIO(with_words(pixels, Words([Panel(0.1, 0.4, **more)])))))
    band = tall[: -len(pixels)]
    assert len(band) > 26, "more than one line"
    columns = np.flatnonzero((band != 255).any(axis=(0, 2))) / band.shape[1]
    assert columns.max() < 0.42


def test_lines_are_broken_between_words_and_between_the_characters_of_a_script_without_spaces():
    lines = _lines("six words of 元学习 in a note", lambda line: len(line) <= 7)
    assert [line.strip() for line in lines] == ["six", "words", "of 元学习", "in a", "note"]
    assert [len(line) for line in _lines("元学习" * 3, lambda line: len(line) <= 4)] == [4, 4, 1]
    assert _lines("元学习。见图（θ）。", lambda line: len(line) <= 3) == ["元学", "习。见", "图（", "θ）。"]
    assert _lines("", len) == []


def test_a_chinese_title_is_not_half_bold():
    assert [_weight(title) for title in ("task 0: θ′", "任务 0", "5-way，所有文字")] == [
        "bold",
        "normal",
        "normal",
    ]


def test_a_legend_tells_the_browser_how_its_marks_look():
    panel = Panel(0.25, 1, "t", [Entry("<b>q</b>", look.QUERY), Entry("l", look.BEFORE), Entry("none")])
    (told,) = as_json(Words([panel]))
    query, line, none = told["legend"]
    assert (told["left"], told["right"], query["text"], none["mark"]) == (0.25, 1, "<b>q</b>", None)
    mark = query["mark"]
    assert (mark["marker"], mark["width"], mark["face"], mark["edge"]) == ("s", 0, "#ffffff", look.GREEN)
    mark = line["mark"]
    assert (mark["marker"], mark["width"], mark["color"]) == ("", 2.2, look.GREY)
    assert mark["dash"] == pytest.approx([3.7 * 2.2, 1.6 * 2.2], abs=0.01)


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in matplotlib_rgb(colour)]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def matplotlib_rgb(colour):
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def test_text_colours_stand_out_from_white():
    """WCAG 2: 3 : 1 for large text and graphics; our smallest text is 12 point bold or 13 point."""
    for colour in (look.BLACK, look.GREY, look.BLUE, look.VERMILION, look.GREEN, look.DARK_GREEN):
        assert 1.05 / (luminance(colour) + 0.05) >= 3


def test_parts_of_a_task_differ_in_more_than_colour():
    lines = [look.TARGET, look.BEFORE, look.AFTER]
    assert len({str(style["linestyle"]) for style in lines}) == len(lines)
    assert look.SUPPORT["marker"] != look.QUERY["marker"]
    assert len(set(map(str, look.LINES))) == len(look.CYCLE) == len(set(look.MARKERS))


def test_a_chapters_figure_shows_itself_with_words():
    figure = look.figure(4, 3, alt="a line that rises")
    figure.subplots().plot([1, 2])
    data, _metadata = figure._repr_mimebundle_()
    assert data["text/plain"] == "a line that rises" and 'alt="a line that rises"' in data["text/html"]
    assert not figure.axes[0].spines["top"].get_visible()
