"""Sheets of drawings and tables, as the chapters show them."""

import numpy as np
import pytest
import torch

from metalib import look


@pytest.mark.parametrize("kind", [torch.as_tensor, np.asarray])
def test_a_sheet_has_every_drawing_in_its_row_and_column(kind):
    drawings = np.random.RandomState(0).randint(0, 256, (3, 4, 1, 28, 28)).astype(np.uint8)
    axes = look.figure().add_subplot()
    look.sheet(axes, kind(drawings), "a title")
    (image,) = axes.images
    shown = np.asarray(image.get_array()).reshape(3, 30, 4, 30).swapaxes(1, 2)
    assert (shown[:, :, 1:-1, 1:-1] == 255 - drawings[:, :, 0]).all(), "ink is black"
    assert image.get_extent() == [0, 4, 3, 0], "one unit a drawing"
    assert axes.get_title(loc="left") == "a title" and not len(axes.get_xticks()) + len(axes.get_yticks())


def test_a_table_is_one_in_a_notebook_and_columns_elsewhere():
    table = look.Table(["method", "5-way"], [("ProtoNet", 98.5), ("MAML", "–")])
    assert table._repr_markdown_().split("\n") == [
        *("| method | 5-way |", "|:--|--:|", "| ProtoNet | 98.5 |", "| MAML | – |")
    ]
    assert repr(table).split("\n") == ["method    5-way", "ProtoNet   98.5", "MAML          –"]
    assert repr(look.Table(["", ""], {1: 2}.items())).split("\n") == ["", "1  2"]
