"""The folder `live/` of a site."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from metalib.i18n import speaking
from metalib.lab.live.declared import LIVE, Live
from metalib.lab.live.specification import specification

STAGE = Path(__file__).parent


def write(
    folder: Path, languages: Iterable[str] = ("en", "zh"), laboratories: Mapping[str, Live] = LIVE
) -> None:
    """Write the stage, and of each laboratory its module, its data and its specification in each language.

    Files of these names are replaced, others stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The stage has some parts from the notebook's surface.
    for file in (*STAGE.glob("*.js"), *STAGE.glob("*.css"), STAGE.parent / "surface.js"):
        shutil.copyfile(file, folder / file.name)
    for name, live in laboratories.items():
        shutil.copyfile(live.module, folder / f"{name}.js")
        _put(folder / f"{name}.data.json", live.data())
        for code in languages:
            with speaking(code):
                _put(folder / f"{name}.{code}.json", specification(live))


def _put(file: Path, value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    file.write_text(text, encoding="utf-8")
