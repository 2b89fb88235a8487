"""Formulas of the site: Sphinx hands LaTeX over, MathML comes back; and one font for all pages."""

from __future__ import annotations

from docutils import nodes
from formulas import mathml
from sphinx.application import Sphinx

NAME = "mathml"


def _inline(writer, node: nodes.math) -> None:
    writer.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def _block(writer, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="formula">{mathml(node.astext(), display=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer(NAME, inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
