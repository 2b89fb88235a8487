"""How everything of the course shows itself in a notebook: one way for widgets, one for pictures.

JupyterLab gives a picture of the type `image/png` no text alternative, whatever its metadata say; an `<img>`
in HTML has one everywhere. So a picture is HTML, and an output holds it once.
"""

from __future__ import annotations

import base64
import html
import struct
from typing import Any

VIEW_MIME = "application/vnd.jupyter.widget-view+json"

Bundle = tuple[dict[str, Any], dict[str, Any]]
"""What `_repr_mimebundle_` returns: the same thing by MIME type, and metadata by MIME type."""


def picture(png: bytes, alt: str, width: int = 0) -> str:
    """A PNG file as HTML with its text alternative. It is `width` CSS pixels wide, by default as many as the
    file has, and never wider than its column."""
    columns, rows = struct.unpack(">II", png[16:24])  # a PNG file's own
    width = width or columns
    return (
        f'<img src="data:image/png;base64,{base64.b64encode(png).decode("ascii")}" alt="{html.escape(alt)}" '
        f'width="{width}" height="{round(rows * width / columns)}" style="max-width: 100%; height: auto">'
    )


def bundle(plain: str, html: str = "", view: Any = None) -> Bundle:
    """What a notebook shows: the widget `view` where a kernel runs, `html` where none does, `plain` where
    nothing else can be shown.

    On Colab a widget's metadata say where its manager comes from; without them it shows no widget from
    outside ipywidgets. Colab adds them to what `display` shows, but not to a cell's last value: anywidget
    does.
    """
    data, metadata = {"text/plain": plain}, {}
    if html:
        data["text/html"] = html
    if view is not None:
        from anywidget import AnyWidget  # figures need no widgets

        # It takes any widget, a box with anywidgets in it too: one output has one manager.
        made: Any = AnyWidget._repr_mimebundle_(view)
        shown, metadata = made
        data[VIEW_MIME] = shown[VIEW_MIME]
    return data, metadata


def by_bundle_alone(kind: type) -> None:
    """Let the running notebook show objects of this class by their bundle and nothing beside it: for every
    Figure matplotlib's inline backend, once it is there, adds a second picture, which has no words."""
    from IPython import get_ipython

    if shell := get_ipython():
        for mime, formatter in shell.display_formatter.formatters.items():
            if mime.startswith("image/"):
                formatter.for_type(kind, lambda shown: None)
