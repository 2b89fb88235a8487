"""The computation graph: every way back is drawn, told and measured."""

import pytest
import torch

from metalib import graph, look


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_every_step_has_a_way_through_i_and_one_through_its_hessian(steps):
    figure = graph.plot_meta_gradient(steps)
    said = texts(figure)
    assert said.count("$I$") == said.count(r"$-\alpha$") == steps
    assert len([text for text in said if text.startswith("$H")]) == steps
    assert len(set(said) & {r"$L_Q(\theta')$", rf"$L_Q(\theta_{steps})$"}) == 1
    assert f"{steps} inner step(s)" in figure.alt


def test_first_order_crosses_two_ways_out_a_step():
    whole, cut = graph.plot_meta_gradient(2), graph.plot_meta_gradient(2, first_order=True)
    crosses = [line for line in cut.axes[0].lines if line.get_marker() == "x"]
    assert len(crosses) == 4 and not [line for line in whole.axes[0].lines if line.get_marker() == "x"]
    assert cut.alt.startswith(whole.alt) and "leaves the ways" in cut.alt


@pytest.mark.parametrize("steps", [1, 4])
def test_nothing_is_small_cut_off_or_in_anothers_way(steps):
    figure = graph.plot_meta_gradient(steps, first_order=True)
    figure.canvas.draw()
    shown = [text for text in figure.axes[0].texts if text.get_text()]
    boxes = [text.get_window_extent() for text in shown]
    for text, box in zip(shown, boxes, strict=True):
        assert text.get_fontsize() >= look.SMALL
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.width and box.y1 <= figure.bbox.height
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :]), shown[i].get_text()


@pytest.mark.parametrize("steps", [0, 5, 1.5])
def test_other_steps_are_refused(steps):
    with pytest.raises(ValueError, match="steps must lie between 1 and 4"):
        graph.plot_meta_gradient(steps)


def test_what_is_kept_is_counted_once_and_only_while_it_is_there():
    x = torch.ones(1000, requires_grad=True)
    assert graph.kilobytes_kept(lambda: (3 * x).sum()) == 0
    assert graph.kilobytes_kept(lambda: torch.sin(x).sum()) == 4  # x itself: 1000 times 4 bytes
    assert graph.kilobytes_kept(lambda: (torch.sin(x) + torch.cos(x)).sum()) == 4
    assert graph.kilobytes_kept(lambda: torch.sin(torch.sin(x)).sum()) == 8

    def dropped():
        torch.sin(torch.sin(x)).sum()  # nobody keeps this graph
        return torch.sin(x).sum()

    assert graph.kilobytes_kept(dropped) == 4
