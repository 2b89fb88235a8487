"""Show a chapter to a class: slides with live laboratories, and a presenter's page.

    python tools/lecture.py 03               chapter 03
    python tools/lecture.py zh/03            the Chinese chapter 03
    python tools/lecture.py 03 --no-browser  print the address only

`make lecture CHAPTER=03` calls it. The chapter is run as it opens, and once more in reserve, so that a page
that was reloaded by mistake is back at once. Nothing leaves this machine, and your own progress is neither
shown nor changed. Control-C ends it.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import notes as speaker_notes  # noqa: E402
import slides  # noqa: E402
from compose import build  # noqa: E402
from deck import STAGE, deck, presenter  # noqa: E402
from formulas import font_file  # noqa: E402
from sources import Chapter, ChapterError, matching, read_all  # noqa: E402

from metalib.threads import ONE_THREAD  # noqa: E402

PORT = 8870
# What the laboratories need in the browser; JupyterLab's other extensions stay at home.
EXTENSIONS = ["anywidget", "@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"]


def find(name: str, chapters: list[Chapter]) -> Chapter:
    """The one chapter that a name means."""
    found = matching(chapters, name)
    if len(found) != 1:
        known = ", ".join(chapter.number for chapter in chapters if chapter.language == "en")
        raise ChapterError(f"Which chapter? CHAPTER is one of {known}, not {name!r}.")
    return found[0]


def notes_of(chapter: Chapter, names: list[str]) -> speaker_notes.Notes | None:
    """The speaker notes of a chapter; a translation has those of the English one."""
    path = ROOT / "chapters" / "teaching" / f"{chapter.name}.md"
    if not path.exists():
        return None
    found = speaker_notes.read(path)
    if chapter.language == "en":
        speaker_notes.check(found, names)
    return found


def write(chapter: Chapter, chapters: list[Chapter], folder: Path) -> Path:
    """Write the lecture's notebook, the presenter's page and the font into a folder; the notebook's path."""
    notebook = build(chapter, chapters, ROOT)
    notes = notes_of(chapter, [slide.name for slide in slides.slides(notebook)])
    path = folder / "lecture.ipynb"
    nbformat.write(deck(notebook, chapter, notes), path)
    (folder / "presenter.html").write_text(presenter(notebook, chapter, notes), "utf-8")
    (folder / "mathematics.ttf").write_bytes(font_file())
    return path


def free_port(first: int) -> int:
    """The first port from `first` on that nobody listens at."""
    for port in range(first, first + 50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise ChapterError(f"No port from {first} to {first + 49} is free on this machine: name one with --port.")


def serve(notebook: Path, port: int, browser: bool) -> None:
    """Serve the lecture until Control-C."""
    from voila.app import Voila

    places = [str(STAGE), os.environ.get("JUPYTER_PATH", "")]
    os.environ.update(
        ONE_THREAD,
        JUPYTER_PATH=os.pathsep.join(filter(None, places)),
        METALIB_PROGRESS=str(notebook.parent / "progress"),
        PYTHONPATH=os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    )
    os.environ.pop("MPLBACKEND", None)
    arguments = [
        str(notebook),
        f"--port={port}",
        "--Voila.ip=127.0.0.1",
        "--Voila.log_level=ERROR",
        "--VoilaConfiguration.template=stage",
        "--VoilaConfiguration.preheat_kernel=True",
        "--VoilaConfiguration.default_pool_size=1",
        *(f"--VoilaConfiguration.file_allowlist={name}" for name in ("presenter.html", "mathematics.ttf")),
        *(f"--VoilaConfiguration.extension_allowlist={name}" for name in EXTENSIONS),
        *(() if browser else ("--no-browser",)),
    ]
    print(f"The lecture opens at http://127.0.0.1:{port}/ (Control-C ends it).", flush=True)
    Voila.launch_instance(arguments)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("chapter", nargs="?", default="", help="e.g. 03, 03_maml or zh/03")
    parser.add_argument("--port", type=int, default=PORT, help=f"the first port to try; {PORT}")
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="lecture-") as folder:
            chapters = read_all(ROOT)
            notebook = write(find(options.chapter, chapters), chapters, Path(folder))
            serve(notebook, free_port(options.port), not options.no_browser)
        return 0
    except ChapterError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
