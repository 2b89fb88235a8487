"""Make the web site of the course from its executed notebooks, in build/site (`make site`).

    python tools/site/build.py              the whole site, checked: links, size
    python tools/site/build.py --out DIR    in another folder

No network, no kernel: what a notebook holds is what its page shows. A page asks no other host for anything.
Whatever Sphinx warns of is an error.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE.parent)]

import address  # noqa: E402
import asked  # noqa: E402
import checks  # noqa: E402
import fidelity  # noqa: E402
import home  # noqa: E402
import nbformat  # noqa: E402
from cells import turned  # noqa: E402
from formulas import font_of, letters  # noqa: E402
from page import Page, pages  # noqa: E402
from settings import settings  # noqa: E402
from sources import ChapterError  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402
from sphinx.errors import SphinxError  # noqa: E402
from sphinx.util.docutils import docutils_namespace, patch_docutils  # noqa: E402

from metalib.lab.live import write as write_live  # noqa: E402

STATIC = HERE / "static"
logging.getLogger("fontTools").setLevel(logging.WARNING)


def build(out: Path, root: Path = ROOT) -> None:
    """Make the site in `out`, whose earlier contents go.

    Raises:
        ChapterError: a notebook is missing, or the site is not as it must be.
        SphinxError: a page cannot be made of its notebook.
    """
    made, where = pages(root), address.read(root)
    if not made:
        raise ChapterError("There are no notebooks in chapters/: `make chapters` builds them.")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    fidelity.record_all()
    for language in sorted({page.language for page in made}):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "source")
            stage(source, made, language, root, where)
            sphinx(source, Path(folder), settings(language, made, where, out, STATIC))
            shutil.copytree(
                Path(folder, "html"), out / ("" if language == "en" else language), dirs_exist_ok=True
            )
    write_live(out / "live", sorted({page.language for page in made}))
    asked.write(out)
    fidelity.write(out)
    shutil.copytree(STATIC, out / "assets")
    (out / ".nojekyll").touch()  # GitHub Pages would leave out folders that begin with "_"
    signs = "".join(
        sorted({sign for file in out.rglob("*.html") for sign in letters(file.read_text("utf-8"))})
    )
    (out / "assets" / "mathematics.woff2").write_bytes(font_of(signs, "woff2"))
    if faults := checks.faults(out):
        raise ChapterError("\n".join(faults))


def stage(folder: Path, made: list[Page], language: str, root: Path, where: address.Address) -> None:
    """Write what Sphinx reads for one language: the home page, and a notebook for each page."""
    folder.mkdir()
    nbformat.write(home.notebook(made, language, root, where), folder / "index.ipynb")
    for page in made:
        if page.language == language:
            notebook = turned(nbformat.read(root / page.file, as_version=4), page, where)
            nbformat.write(notebook, folder / f"{page.name}.ipynb")


def sphinx(source: Path, folder: Path, options: dict) -> None:
    """Make the pages of one language, in `html` of a folder, without what only Sphinx reads."""
    made = folder / "html"
    with patch_docutils(), docutils_namespace():
        app = Sphinx(
            source,
            confdir=None,
            outdir=made,
            doctreedir=folder / "doctrees",
            buildername="html",
            confoverrides=options,
            status=None,
            warning=sys.stderr,
            warningiserror=True,
        )
        app.build()
    if app.statuscode:
        raise SphinxError("Sphinx warns of something: see above.")
    for left in (*made.glob("_static/*-macros.html"), made / ".buildinfo", made / "objects.inv"):
        left.unlink()
    shutil.rmtree(made / "_sources", ignore_errors=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="where to (build/site)")
    out = parser.parse_args(arguments).out
    begun = time.monotonic()
    try:
        build(out)
    except (ChapterError, SphinxError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{out}: {checks.report(out)}, in {time.monotonic() - begun:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
