"""The line that says whether a laboratory is live, recorded or needs a kernel, and recorded laboratories."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from html import escape
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from asked import MODULES, places
from made_of import fingerprint
from page import Page

import metalib
from metalib import lab
from metalib.i18n import languages, speaking
from metalib.lab import fidelity
from metalib.lab.live import LIVE
from metalib.lab.recording import RECORDINGS, record

PACKAGE = Path(metalib.__file__).resolve().parent
KEPT = PACKAGE.parent / "build" / "recorded"
"""Recordings, each in a folder named after what it was made of."""


def record_all() -> None:
    """Make the recordings that are missing, as many at a time as there are processors."""
    # Not forked: torch's threads do not survive that.
    with ProcessPoolExecutor(
        mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        for _folder in pool.map(_kept, RECORDINGS):
            pass  # what went wrong in a process is raised here


def line(name: str, page: Page, live: str | None, links: dict[str, str]) -> str:
    """The sentence above a laboratory, as HTML; `live`: the name of its live edition, where there is one;
    `links` lead to where it runs with a kernel."""
    with speaking(page.language):
        if live is not None:
            said = fidelity.live(LIVE[live].note)
        elif name in RECORDINGS:
            tape = _page(name, page.language)
            labels = [control["label"] for control in tape["controls"]]
            said = fidelity.recorded(len(tape["positions"]), labels, RECORDINGS[name].note)
        else:
            said = fidelity.needs_kernel()
        still, alive = (escape(text).replace("{places}", places(links)) for text in said)
    if still == alive:
        return still
    return f'<span class="metalib-when-still">{still}</span><span class="metalib-when-live">{alive}</span>'


def recorded(name: str, arguments: dict[str, Any], still: str, page: Page) -> str | None:
    """A recorded laboratory around its still picture; None: there is none."""
    if name not in RECORDINGS:
        return None
    moved = {key: value for key, value in arguments.items() if key in RECORDINGS[name].moved}
    return (
        f'<div class="metalib-recorded" data-near="recorded.js" data-recording="{name}"'
        f' data-language="{page.language}" data-initial="{escape(json.dumps(moved))}">'
        f"<figure>{still}</figure></div>"
    )


def write(folder: Path) -> None:
    """Write what recorded laboratories load into the site."""
    (folder / "modules").mkdir(parents=True, exist_ok=True)
    for file in (*MODULES.glob("*.js"), *(PACKAGE / "lab").glob("surface.[cj]s*")):
        shutil.copyfile(file, folder / "modules" / file.name)
    (folder / "recorded").mkdir(exist_ok=True)
    for name in RECORDINGS:
        for file in _kept(name).iterdir():
            shutil.copyfile(file, folder / "recorded" / file.name)


def _page(name: str, language: str) -> dict[str, Any]:
    return json.loads((_kept(name) / f"{name}.{language}.json").read_text("utf-8"))


@cache
def _kept(name: str) -> Path:
    """The folder that holds a laboratory's recording; it is made where there is none of all it is made of."""
    recording, modules = RECORDINGS[name], (getattr(lab, name).__module__, record.__module__)
    now = fingerprint(PACKAGE, modules, repr((recording.moved, recording.fixed)))
    folder = KEPT / name / now
    if not folder.is_dir():
        shutil.rmtree(KEPT / name, ignore_errors=True)
        tape, making = record(name, languages()), folder.with_suffix(".part")
        making.mkdir(parents=True)
        (making / f"{name}.bin").write_bytes(tape.pictures)
        for language, said in tape.pages.items():
            text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
            (making / f"{name}.{language}.json").write_text(text, encoding="utf-8")
        making.rename(folder)
    return folder
