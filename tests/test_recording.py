"""Recorded laboratories say and show what the Python laboratory says and shows."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from metalib import lab
from metalib.i18n import languages, speaking
from metalib.lab import fidelity
from metalib.lab.recording import RECORDINGS, record, webp


def picture(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGBA"))


def test_a_recording_says_and_shows_what_the_laboratory_does():
    recording, numbers = RECORDINGS["NavigationLaboratory"], (0, 17)
    tape = record("NavigationLaboratory", ("en", "zh"), numbers)
    for code, page in tape.pages.items():
        with speaking(code):
            laboratory = lab.NavigationLaboratory()
            for number, kept in zip(numbers, page["positions"], strict=True):
                laboratory.set(**recording.positions[number])
                surface = laboratory.surface
                assert kept["words"] == surface.words
                assert (kept["alt"], kept["remark"]) == (surface.alt, surface.message)
                ground, moving = (
                    picture(tape.pictures[begins : begins + long])
                    for begins, long in (kept["ground"], kept["moving"])
                )
                seen = np.where(moving[..., 3:] > 0, moving, ground).astype(int)
                painted = laboratory.painter.pixels(laboratory.state, laboratory.result).astype(int)
                assert np.abs(seen - painted).mean() < 0.5, "the colours are rounded, nothing else"
            laboratory.close()
    english, chinese = (page["positions"] for page in tape.pages.values())
    assert [one["moving"] for one in english] == [one["moving"] for one in chinese], "what moves has no words"
    assert english[0]["words"] != chinese[0]["words"]


def test_the_controls_of_a_recording_are_the_laboratorys():
    page = record("InContextLaboratory", ("zh",), ())
    network, points = page.pages["zh"]["controls"]
    with speaking("zh"):
        laboratory = lab.InContextLaboratory()
        assert points["told"] == [laboratory.declared["shots"].told(n) for n in points["values"]]
        assert network["kind"] == "choice" and points["kind"] == "range"
        assert points["values"][points["begin"]] == laboratory.state.shots
    assert network["values"] == list(laboratory.declared["network"].options)
    laboratory.close()


def test_every_recording_is_of_a_laboratory_that_is_not_live():
    from metalib.lab.live import LIVE

    live = {LIVE[name].laboratory.__name__ for name in LIVE}
    assert not live & RECORDINGS.keys()
    assert RECORDINGS.keys() <= set(lab.__all__)


@pytest.mark.parametrize("code", languages())
def test_each_line_names_what_moves_and_where_a_kernel_runs(code):
    with speaking(code):
        still, alive = fidelity.recorded(6, ["one", "other"], RECORDINGS["AdaptationLaboratory"].note)
        assert "6" in still and "one × other" in still and "6" in alive and "{places}" in alive
        assert "{places}" in fidelity.needs_kernel().still
        assert fidelity.live().still != fidelity.live().alive


def test_a_picture_of_few_colours_keeps_its_holes():
    rgba = np.zeros((20, 30, 4), np.uint8)
    rgba[5:9, 4:20] = (10, 200, 30, 255)
    assert np.array_equal(picture(webp(rgba))[..., 3], rgba[..., 3])
    assert np.array_equal(picture(webp(rgba))[5:9, 4:20], rgba[5:9, 4:20])
    assert not picture(webp(np.zeros_like(rgba))).any()
