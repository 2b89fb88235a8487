"""On a laptop, an enlarged projector and a telephone: a laboratory's controls and its picture together."""

import pytest
from test_browser_surface import cut_off, open_notebook, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAMES = (
    "Sine",
    "LearningCurves",
    "Landscape",
    "Episode",
    "Prototype",
    "ShotsAndWays",
    "Shift",
    "Distance",
    "Adaptation",
    "Alphabet",
    "Navigation",
    "Bandit",
)
CELL = f"""
    import torch, metalib
    from metalib import lab
    metalib.threads.settle()
    made = [getattr(lab, name + "Laboratory")() for name in {NAMES}]
    maml, tasks = metalib.MAML(metalib.models.sine_net()), metalib.SineTasks()
    made.append(lab.TrainingLaboratory(metalib.Training(maml, tasks, torch.Generator().manual_seed(0)), 100))
    display(*made)
"""
LAPTOP, PROJECTOR, PHONE = (1280, 800), (683, 512), (390, 844)  # the projector: 1024 × 768 at 150 %


@pytest.fixture(scope="module")
def page(browser, jupyter_lab):
    page = open_notebook(browser, jupyter_lab, "sizes.ipynb", CELL)
    last = page.locator(".metalib-laboratory").nth(len(NAMES))
    last.locator(".metalib-stage[data-pictures]").wait_for()
    page.keyboard.press("Control+b")
    yield page
    page.context.close()


def places(page, size):
    """Of each laboratory by name: its height, that of the window, what lies above the picture, its size."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.wait_for_timeout(1500)
    found = page.evaluate("""() => [...document.querySelectorAll(".metalib-laboratory")].map(lab => {
        const top = lab.getBoundingClientRect().top;
        const stage = [...lab.querySelectorAll(".metalib-stage")].at(-1).getBoundingClientRect();
        return {
            height: lab.offsetHeight, window: lab.closest(".jp-WindowedPanel-outer").clientHeight,
            above: stage.top - top, width: stage.width, high: stage.height,
        };
    })""")
    return dict(zip((*NAMES, "Training"), found, strict=True))


def test_a_laboratory_fits_a_laptops_screen(page):
    for name, place in places(page, LAPTOP).items():
        assert place["height"] <= place["window"], (name, place)
        assert place["width"] >= 720, (name, place)


def test_on_a_projector_every_control_is_seen_together_with_the_picture(page):
    for name, place in places(page, PROJECTOR).items():
        assert place["above"] + place["high"] <= place["window"], (name, place)
        assert place["width"] >= (400 if name == "Alphabet" else 560), (name, place)
    assert cut_off(page) == []


def test_beside_the_file_browser_the_panels_stand_one_below_the_other(page):
    page.keyboard.press("Control+b")
    try:
        for name, place in places(page, PROJECTOR).items():
            if name != "Alphabet":
                assert place["high"] > place["width"], (name, place)
                # The left panel, and the four controls that are nearest to it.
                assert 4 * 27 + place["high"] / 2 <= place["window"], (name, place)
    finally:
        page.keyboard.press("Control+b")


def test_on_a_telephone_the_panels_are_as_wide_as_the_screen_allows(page):
    for name, place in places(page, PHONE).items():
        if name != "Alphabet":
            assert place["high"] > place["width"] > 260, (name, place)
    assert cut_off(page) == []


def test_a_folded_picture_is_touched_where_it_is_seen(page):
    places(page, PHONE)
    lab = page.locator(".metalib-laboratory").nth(NAMES.index("Landscape"))
    stage, image = lab.locator(".metalib-stage"), lab.locator(".metalib-stage img")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    # The middle of the right panel: its place in the picture, 0.558 … 0.983 and 0.02 … 0.855, after the fold.
    x, y = ((0.558 + 0.983) / 2 - 0.492) / 0.508, 0.5 + 0.4375 / 2
    stage.click(position={"x": x * box["width"], "y": y * box["height"]})
    wait_until(page, lambda: "θ is at (−0." in at(image) or "θ is at (0.0" in at(image), "θ in the middle")
    x = ((0.058 + 0.483) / 2) / 0.508
    stage.click(position={"x": x * box["width"] + 20, "y": (0.4375 / 2) * box["height"] - 20})
    wait_until(
        page, lambda: "θ is at (0.4" in at(image) or "θ is at (0.5" in at(image), "θ in the left panel"
    )
    folded = lab.locator(".metalib-folded")
    assert folded.evaluate("canvas => canvas.height") == 840
    page.set_viewport_size({"width": LAPTOP[0], "height": LAPTOP[1]})
    wait_until(page, lambda: folded.count() == 0, "folding it out")


def at(image):
    return image.get_attribute("alt")
