"""The course's own part of Sphinx: links, pictures and formulas of raw HTML, and the buttons of a page."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from cells import launch_links
from docutils import nodes
from formulas import set_formulas
from page import Page, target
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,(.+)", re.DOTALL)
LAUNCH = {"en": "Run this chapter", "zh": "运行本章"}
LANGUAGES = {"en": ("zh", "中文", "In Chinese"), "zh": ("en", "English", "英文版")}


def page_of(app: Sphinx, name: str) -> Page:
    language = app.config.course_language
    return Page(name if language == "en" else f"{language}/{name}")


class OnTheSite(SphinxPostTransform):
    """Links lead to pages, headings can be linked to; pictures are files; formulas within HTML are set."""

    default_priority = 900

    def run(self, **_options: Any) -> None:
        page, config = page_of(self.app, self.env.docname), self.config
        for link in self.document.findall(nodes.reference):
            if address := link.get("refuri"):
                link["refuri"] = target(address, page, config.course_address)
                link["internal"] = not re.match(r"\w+:", link["refuri"])
        for section in self.document.findall(nodes.section):  # its name in JupyterLab
            section["ids"].append(section.next_node(nodes.title).astext().replace(" ", "-"))
        for raw in list(self.document.findall(nodes.raw)):
            if raw.get("format") == "html":
                html = on_the_site(raw.astext(), page, config)
                raw.replace_self(nodes.raw(raw.rawsource, html, **raw.attributes))


def on_the_site(html: str, page: Page, config: Any) -> str:
    """Raw HTML as a page has it. Pieces of it, such as `<details>` without its end, stay pieces."""
    html = re.sub(
        r"""(<a\b[^>]*?\bhref=)(["'])(.*?)\2""",
        lambda found: f'{found[1]}"{target(found[3], page, config.course_address)}"',
        html,
    )
    html = re.sub(
        r"""(<img\b[^>]*?\bsrc=)(["'])(data:image/[^"']+)\2""",
        lambda found: f'{found[1]}"{page.root}{picture(found[3], config.course_folder)}" loading="lazy"',
        html,
    )
    return set_formulas(html) if re.search(r"\$\S", html) else html


def picture(data: str, folder: Path) -> str:
    """Write a picture into the site, once for all pages that show it; its address from the site's top."""
    kind, text = PICTURE.fullmatch(data).groups()
    content = base64.b64decode(text)
    name = f"pictures/{hashlib.sha256(content).hexdigest()[:16]}.{kind}"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return name


def page_context(app: Sphinx, name: str, _template: str, context: dict[str, Any], doctree: Any) -> None:
    """What the templates ask for: the way to the top, the other edition, whether a laboratory is live."""
    page, others = page_of(app, name), app.config.course_pages
    context["course_root"] = page.root
    context["course_files"] = app.config.course_files
    context["course_live"] = doctree is not None and any(
        "metalib-live" in raw.astext() for raw in doctree.findall(nodes.raw)
    )
    code, edition, tip = LANGUAGES[page.language]
    there = page.name if Page(page.name if code == "en" else f"{code}/{page.name}") in others else "index"
    way = f"{page.root}{there}.html" if code == "en" else f"{code}/{there}.html"
    context["course_edition"] = {"url": way, "text": edition, "tip": tip, "code": code}


def page_buttons(app: Sphinx, name: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    """The launch buttons in a page's header."""
    page = page_of(app, name)
    if page in app.config.course_pages:
        links = launch_links(page, app.config.course_address)
        buttons = [{"type": "link", "url": address, "text": text} for text, address in links.items()]
        group = {
            "type": "group",
            "icon": "fas fa-rocket",
            "tooltip": LAUNCH[page.language],
            "buttons": buttons,
        }
        context["header_buttons"].append(group)


def setup(app: Sphinx) -> dict[str, bool]:
    for name in ("language", "address", "pages", "folder", "files"):
        app.add_config_value(f"course_{name}", None, "")
    app.add_post_transform(OnTheSite)
    app.connect("html-page-context", page_context, priority=100)  # the theme tries its templates
    app.connect("html-page-context", page_buttons, priority=900)  # the theme has begun its list
    return {"parallel_read_safe": True, "parallel_write_safe": True}
