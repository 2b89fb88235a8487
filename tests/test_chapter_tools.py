"""What chapters draw and print with: legends, bands, results in words."""

import numpy as np
import pytest
import torch

import metalib
from metalib import look


def test_a_legend_of_a_figure_stands_above_all_its_axes():
    figure = look.figure(6, 2)
    one, two = figure.subplots(1, 2)
    for axes in (one, two):
        axes.plot([0, 1], label="a curve", **look.AFTER)
    look.legend(figure)
    figure.canvas.draw()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a curve"]
    assert legend.get_window_extent().y0 >= max(axes.bbox.y1 for axes in (one, two))
    look.legend(one)
    assert one.get_legend() is not None and two.get_legend() is None


def test_a_band_is_two_deviations_wide_on_either_side():
    axes = look.figure().subplots()
    x, mean, std = torch.linspace(0, 1, 5).view(1, -1, 1), torch.ones(1, 5, 1), torch.full((1, 5, 1), 0.25)
    look.band(axes, x, mean, std, look.AFTER, "a learner")
    middle, low, high = (line.get_ydata() for line in axes.lines)
    assert (middle == 1).all() and (low == 0.5).all() and (high == 1.5).all()
    assert [line.get_label() for line in axes.lines][0] == "a learner"
    assert len(axes.get_legend_handles_labels()[1]) == 1, "its edges are not named"
    corners = axes.collections[0].get_paths()[0].vertices
    assert np.isclose([corners[:, 1].min(), corners[:, 1].max()], [0.5, 1.5]).all()


@pytest.mark.parametrize(
    "spec, said", [(".3f", "0.750 ± 0.490"), (".1%", "75.0 ± 49.0 %"), ("+.1f", "+0.8 ± 0.5"), ("", None)]
)
def test_a_result_can_be_formatted_as_a_number_is(spec, said):
    result = metalib.Evaluation(torch.tensor([1.0, 0.5], dtype=torch.float64), "accuracy")
    assert f"{result:{spec}}" == (said or str(result))


def test_multiplications_are_those_of_the_matrix_products():
    model, x = (
        torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2)),
        torch.ones(7, 3),
    )
    count, output = metalib.models.multiplications(lambda: model(x))
    assert count == 7 * (3 * 5 + 5 * 2) and torch.equal(output, model(x))
