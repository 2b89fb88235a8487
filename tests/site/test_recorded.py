"""Recorded laboratories in the page: every position by key, words and picture; true without JavaScript."""

import base64
import io
import json
import re

import made_of
import numpy as np
import pytest
from conftest import SITE
from PIL import Image
from visitor import LAPTOP, PHONE, visitor

RECORDED = re.compile(r'data-recording="(\w+)"')
PAGES = {
    name: file.relative_to(SITE).as_posix()
    for file in sorted(SITE.glob("*.html"))
    for name in RECORDED.findall(file.read_text("utf-8"))
}
PIXELS = "canvas => canvas.toDataURL().split(',')[1]"


def tape(name: str, language: str = "en") -> dict:
    return json.loads((SITE / "recorded" / f"{name}.{language}.json").read_text("utf-8"))


def alive(page, name: str):
    """The recorded laboratory, once the page has brought it to life."""
    found = page.locator(f'[data-recording="{name}"]').first
    found.scroll_into_view_if_needed()
    page.wait_for_function(
        """name => document.querySelector(`[data-recording="${name}"]`).dataset.state === "live" """, arg=name
    )
    return found


def shows(place, kept: dict, number: int) -> None:
    """What the page shows is what was recorded at this position."""
    place.page.wait_for_function(
        "([node, number]) => node.dataset.position === String(number)", arg=[place.element_handle(), number]
    )
    assert place.locator(".metalib-stage img").get_attribute("alt") == kept["alt"]
    said = place.locator(".metalib-words").inner_text()
    for panel in kept["words"]:
        for text in (panel["title"], panel["note"], *(entry["text"] for entry in panel["legend"])):
            assert " ".join(text.split()) in " ".join(said.split())
    assert place.locator(".metalib-message").inner_text().strip() == kept["remark"]


@pytest.mark.parametrize("name", PAGES)
def test_each_position_is_reached_by_keys(browser, address, name):
    kept = tape(name)
    *before, last = kept["controls"]
    with visitor(browser, address, LAPTOP) as guest:
        place = alive(guest.open(PAGES[name]), name)
        first, number = place.locator("select, input").first, 0
        last_one = place.locator("input[type=range]").last
        for at in range(len(before[0]["told"]) if before else 1):
            if before:
                first.focus()
                guest.page.keyboard.press(
                    "Home" if at == 0 else "ArrowDown" if before[0]["kind"] == "choice" else "ArrowRight"
                )
            last_one.focus()
            guest.page.keyboard.press("Home")
            for step, told in enumerate(last["told"]):
                if step:
                    guest.page.keyboard.press("ArrowRight")
                assert last_one.get_attribute("aria-valuetext") == told
                shows(place, kept["positions"][number], number)
                number += 1
        assert number == len(kept["positions"])
        assert guest.faults == []


@pytest.mark.parametrize("name", PAGES)
def test_a_picture_is_folded_where_nothing_is_cut(name):
    kept, files = tape(name), (SITE / "recorded" / f"{name}.bin").read_bytes()
    at = round(kept["fold"] * kept["width"])
    for begins, long in {tuple(one["ground"]) for one in kept["positions"]} if kept["fold"] < 1 else ():
        ground = np.asarray(Image.open(io.BytesIO(files[begins : begins + long])).convert("L"))
        assert ground[:, at - 1 : at + 1].min() > 250


def test_the_picture_is_the_recorded_one(browser, address):
    name = "NavigationLaboratory"
    kept, files = tape(name), (SITE / "recorded" / f"{name}.bin").read_bytes()

    def picture(place: list[int]) -> np.ndarray:
        file = files[place[0] : sum(place)]
        return np.asarray(Image.open(io.BytesIO(file)).convert("RGBA"))

    with visitor(browser, address, LAPTOP) as guest:
        place = alive(guest.open(PAGES[name]), name)
        place.locator("select").select_option("0")
        place.locator("input").focus()
        for key, step in (("Home", 0), ("End", 5)):
            guest.page.keyboard.press(key)
            shows(place, kept["positions"][step], step)
            guest.page.wait_for_timeout(200)
            canvas = place.locator(".metalib-stage canvas").first.element_handle()
            ground, moving = (picture(kept["positions"][step][part]) for part in ("ground", "moving"))
            file = base64.b64decode(guest.page.evaluate(PIXELS, canvas))
            seen = np.asarray(Image.open(io.BytesIO(file)).convert("RGBA"))
            assert np.array_equal(seen[..., :3], np.where(moving[..., 3:] > 0, moving, ground)[..., :3])


def test_a_finger_moves_it_and_nothing_below_jumps(browser, address):
    name = "ShiftLaboratory"
    with visitor(browser, address, PHONE, "dark") as guest:
        place = alive(guest.open(f"{PAGES[name]}"), name)
        slider = place.locator("input[type=range]")
        box, high = slider.bounding_box(), place.bounding_box()["height"]
        guest.page.touchscreen.tap(box["x"] + box["width"] - 12, box["y"] + box["height"] / 2)
        guest.page.wait_for_function("node => Number(node.value) >= 9", arg=slider.element_handle())
        assert abs(place.bounding_box()["height"] - high) < 60, "a line more or less of words, at most"
        assert guest.faults == []


@pytest.mark.parametrize("script", [True, False])
def test_the_line_is_true_with_and_without_javascript(browser, address, script):
    name = "ShiftLaboratory"
    with visitor(browser, address, LAPTOP, java_script_enabled=script) as guest:
        page = guest.open(PAGES[name])
        line = page.locator(".metalib-laboratory .metalib-fidelity").first
        if script:
            alive(page, name)
        said = line.inner_text()
        assert ("computed by Python" in said) is script and ("still picture" in said) is not script
        assert f"{len(tape(name)['positions'])} positions" in said
        still = page.locator(f'[data-recording="{name}"] figure')
        assert still.is_visible() is not script
        assert page.locator(f'[data-recording="{name}"] input').count() == script


def test_the_recordings_are_small():
    size = sum(file.stat().st_size for file in (SITE / "recorded").iterdir())
    assert size < 6_000_000


def test_every_laboratory_says_how_alive_it_is():
    for file in (*SITE.glob("*.html"), *SITE.glob("zh/*.html")):
        text = file.read_text("utf-8")
        shown = len(re.findall(r'class="metalib-(?:laboratory|live)"', text))
        lines = re.findall(
            r'(?:metalib-laboratory|metalib-live)"[^>]*><p class="metalib-fidelity">(.*?)</p>', text
        )
        assert len(lines) == shown, file.name
        assert all(re.search("[Ll]ive|Recorded|Needs a kernel|实时|录制|需要内核", line) for line in lines)


def test_a_recording_is_made_again_only_where_something_of_it_has_changed(tmp_path):
    package = tmp_path / "metalib"
    translated = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    files = {
        "__init__.py": "",
        "lab/__init__.py": "from metalib.lab.one import One\nfrom metalib.lab.other import Other\n",
        "lab/one.py": "from metalib import tool\n",
        "lab/other.py": "import metalib.things.data\n",
        "tool.py": "",
        "things/__init__.py": "",
        "things/data.py": "",
        "weights.npz": "1",
        "locale/zh/LC_MESSAGES/metalib.po": f'{translated}#: metalib/tool.py\nmsgid "a"\nmsgstr "b"\n',
    }
    for name, text in files.items():
        file = package / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def prints() -> list[str]:
        made_of.imported.cache_clear()
        return [made_of.fingerprint(package, [f"metalib.lab.{name}"]) for name in ("one", "other")]

    for name, changes in {
        "tool.py": [True, False],
        "things/__init__.py": [False, True],
        "lab/__init__.py": [False, False],
        "weights.npz": [True, True],
        "locale/zh/LC_MESSAGES/metalib.po": [True, False],
    }.items():
        before, file = prints(), package / name
        file.write_text(file.read_text("utf-8").replace('"b"', '"c"') + "# more\n", "utf-8")
        assert [one != other for one, other in zip(before, prints(), strict=True)] == changes, name
