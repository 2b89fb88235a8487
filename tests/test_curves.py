"""The measured learning curves: the file, the measuring, and `python -m metalib curves`."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from metalib import curves
from metalib.cli import main
from metalib.curves import FAMILIES, Method, families, measure
from metalib.curves.methods import LENGTHS, SHIPPED
from metalib.learners import SmoothCurve


def test_the_curves_belong_to_the_shipped_weights():
    stale = [
        name for name, known in curves.card()["weights"].items() if measure.weights_digest(name) != known
    ]
    assert not stale, f"measure again with `python -m metalib curves`: {stale}"
    assert set(curves.card()["weights"]) == set(SHIPPED)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_method_has_a_point_for_every_number_of_shots(name):
    found, family = curves.load(name), FAMILIES[name]
    assert list(found) == list(family.methods)
    for key, curve in found.items():
        assert curve.shots == list(family.shots)
        assert all(setting in family.methods[key].settings for setting in curve.settings)
        assert all(math.isfinite(value) and value >= 0 for value in (*curve.mean, *curve.half_width))
        assert curve.settings == curves.load(family.tuned)[key].settings, "tuned on validation tasks"


POINTS = [
    ("sine", "plain", 5), ("sine", "scratch", 5), ("sine", "maml", 1), ("sine-elsewhere", "plain", 10),
    ("glyphs", "plain", 5), ("glyphs", "joint", 1), ("glyphs", "maml", 1), ("glyphs", "protonet", 5),
    ("glyphs-elsewhere", "plain", 1), ("glyphs-elsewhere", "protonet", 1),
]  # fmt: skip


@pytest.mark.parametrize("name, key, shots", POINTS)
def test_a_point_can_be_measured_again(name, key, shots):
    family = FAMILIES[name]
    place = family.shots.index(shots)
    point = curves.card()["curves"][name][key][place]
    setting = point["setting"]
    if setting.get("steps", 0) > 100:
        pytest.skip("too many steps for a quick test")
    again = measure.score(family, family.methods[key], "test", shots, setting, family.chunk)
    # 20 tasks of 25 queries: one answer that tips over on another machine is 0.2 %.
    assert again.mean == pytest.approx(point["first_tasks"], rel=0.02, abs=0.45)
    assert abs(again.mean - point["mean"]) <= 3 * (again.half_width + point["half_width"])


def test_tuning_takes_the_best_of_the_list_on_validation_tasks_and_no_exploded_one():
    class Judged(SmoothCurve):
        def predict(self, adapted, query_x):
            return super().predict(adapted, query_x) * (math.nan if self.length == 3 else 1)

    method = Method("judged", Judged, LENGTHS)
    family = FAMILIES["sine"]
    errors = {
        setting["length"]: measure.score(family, method, "validation", 3, setting, 40).mean
        for setting in LENGTHS
        if setting["length"] != 3
    }
    assert measure.tune(family, method, 3) == {"length": min(errors, key=errors.get)}


def test_an_unknown_family_is_named(capsys):
    with pytest.raises(ValueError, match="no family 'music'"):
        curves.load("music")
    assert main(["curves", "music"]) == 1
    assert "no family 'music'; there are sine, " in capsys.readouterr().err


def test_the_command_measures_what_is_named_and_keeps_the_rest(tmp_path, monkeypatch, capsys):
    method = Method("smooth", SmoothCurve, LENGTHS[:2])
    small = replace(
        FAMILIES["sine"], shots=(2, 3), methods={"plain": method}, n_validation=3, n_test=4, chunk=4
    )
    monkeypatch.setitem(FAMILIES, "sine", small)
    monkeypatch.setitem(FAMILIES, "sine-elsewhere", replace(small, tasks=families.waves_elsewhere))
    file = tmp_path / "curves.json"
    assert main(["curves", "sine", "--output", str(file)]) == 0
    first = json.loads(file.read_text("utf-8"))
    assert first["command"] == "python -m metalib curves" == curves.card()["command"]
    assert [point["shots"] for point in first["curves"]["sine"]["plain"]] == [2, 3]
    monkeypatch.setattr(measure, "tune", None)  # who meets tasks from elsewhere has none to tune on
    assert main(["curves", "sine-elsewhere", "--output", str(file)]) == 0
    both = json.loads(file.read_text("utf-8"))["curves"]
    assert both["sine"] == first["curves"]["sine"]
    assert [p["setting"] for p in both["sine-elsewhere"]["plain"]] == [
        p["setting"] for p in both["sine"]["plain"]
    ]
    again = measure.score(small, method, "test", 2, first["curves"]["sine"]["plain"][0]["setting"], 4)
    assert first["curves"]["sine"]["plain"][0]["mean"] == pytest.approx(again.mean, abs=1e-6)


def test_methods_are_not_trained_on_what_they_are_tested_on():
    train = {tuple(np.packbits(one.numpy() > 127)) for one in families.pictures("train")[:, 0, 0]}
    test = {tuple(np.packbits(one.numpy() > 127)) for one in families.pictures("test")[:, 0, 0]}
    assert not train & test


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"curves": 3, "weights": 4}', "\ufeff{"])
def test_a_file_that_holds_no_curves_is_refused(tmp_path, content, capsys):
    file = tmp_path / "curves.json"
    file.write_text(content, "utf-8")
    assert main(["curves", "--output", str(file)]) == 1
    assert "is no file of curves" in capsys.readouterr().err and file.read_text("utf-8") == content


def test_curves_of_other_weights_are_not_mixed_with_new_ones(tmp_path, monkeypatch, capsys):
    """Else the file would say of the curves it keeps that the new weights gave them."""
    file = tmp_path / "curves.json"
    content = json.loads(measure.FILE.read_text("utf-8"))
    content["weights"]["sine-maml"] = "of yesterday"
    file.write_text(json.dumps(content), "utf-8")
    monkeypatch.setattr(measure, "measure", lambda name, settings: {name: []})
    assert main(["curves", "sine", "--output", str(file)]) == 1
    said = capsys.readouterr().err
    assert "curves of other weights (glyphs, glyphs-elsewhere, sine-elsewhere)" in said
    assert main(["curves", "--output", str(file)]) == 0
    assert set(json.loads(file.read_text("utf-8"))["curves"]) == set(FAMILIES)


def test_a_place_for_curves_that_cannot_be_written_is_found_before_they_are_measured(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(measure, "measure", None)
    assert main(["curves", "--output", str(tmp_path)]) == 1
    assert "cannot be written" in capsys.readouterr().err
