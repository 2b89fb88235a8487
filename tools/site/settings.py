"""How Sphinx makes the pages of one language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from address import Address
from page import Page

HERE = Path(__file__).resolve().parent
TITLE = {"en": "Learning to Learn", "zh": "学习如何学习"}
LANGUAGE = {"en": "en", "zh": "zh_CN"}
SEARCH = {"en": "Search the course", "zh": "搜索课程"}
CONTENTS = {"en": "On this page", "zh": "本页内容"}


def settings(language: str, made: list[Page], where: Address, out: Path, static: Path) -> dict[str, Any]:
    """What a conf.py would say; `made` are all pages of the site, `out` is its folder."""
    return {
        "project": TITLE[language],
        "author": "The authors of Learning to Learn",
        "copyright": "CC BY 4.0",
        "language": LANGUAGE[language],
        "html_search_language": language,
        "extensions": ["myst_nb", "sphinx_copybutton", "mathematics", "chinese", "course"],
        "templates_path": [str(HERE / "templates")],
        # the course's own
        "course_language": language,
        "course_address": where,
        "course_pages": made,
        "course_folder": out,
        "course_files": sorted(file.name for file in static.glob("*.*s*") if file.suffix in (".css", ".js")),
        "smartquotes": False,  # a link names a heading as it is written
        # notebooks
        "nb_execution_mode": "off",
        "nb_render_markdown_format": "myst",
        "myst_enable_extensions": ["dollarmath"],
        "myst_all_links_external": True,  # tools/site/page.py says where they lead
        "copybutton_selector": "div.cell_input pre, div.highlight-sh pre",
        # pages
        "html_theme": "sphinx_book_theme",
        "html_theme_options": {
            "article_header_end": "edition.html, article-header-buttons.html",
            "use_download_button": False,
            "use_fullscreen_button": False,
            "back_to_top_button": False,  # it would lie on a laboratory's sliders
            "show_navbar_depth": 1,
            "show_toc_level": 2,
            "search_bar_text": SEARCH[language],
            "toc_title": CONTENTS[language],
            "navbar_persistent": [],
            "logo": {"text": TITLE[language], "alt_text": TITLE[language]},
            "footer_content_items": "extra-footer.html",
            "extra_footer": "",
        },
        "html_context": {"default_mode": "auto"},
        "html_title": TITLE[language],
        "html_math_renderer": "mathml",
        "html_use_index": False,
        "html_copy_source": False,
        "html_show_sourcelink": False,
        "html_last_updated_fmt": None,
        "html_permalinks_icon": "#",
    }
