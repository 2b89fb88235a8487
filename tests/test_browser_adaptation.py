"""The adaptation laboratory in a real browser: α and the steps by the keyboard, the picture's own keys, Play,
and the average that is worked out meanwhile."""

import re

import pytest
from test_browser_surface import cut_off, open_laboratory, wait_until, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LABORATORY = """
    from metalib.lab import AdaptationLaboratory
    from metalib.models import conv4
    network = dict(channels=8, norm="batch-statistics", downsample="stride")
    lab = AdaptationLaboratory(
        {"MAML": "glyphs-maml", "untrained": conv4(**network, ways=12)}, tasks=8
    )
    lab
"""


@pytest.fixture(scope="module")
def page(browser, jupyter_lab):
    page = open_laboratory(browser, jupyter_lab, "adaptation.ipynb", LABORATORY)
    yield page
    page.context.close()


def pictures(page):
    """How many pictures were shown so far."""
    return int(page.locator(".metalib-stage").get_attribute("data-pictures"))


def says(page, *parts):
    """Wait until the picture's text has these parts."""
    return wait_until(page, lambda: all(part in words(page) for part in parts), " and ".join(parts))


def at(step, steps):
    """What the text says when that step of so many is shown."""
    return f"inner steps: {steps}; ", f"step shown: {step}; "


@pytest.mark.parametrize("size", [(1024, 768), (1280, 800)])
def test_controls_and_picture_fit_on_the_screen(page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.wait_for_timeout(500)
    top = page.locator(".metalib-laboratory").bounding_box()["y"]
    box = page.locator(".metalib-stage").bounding_box()
    assert box["y"] + box["height"] - top < size[1] - 140, "JupyterLab's own bars take as much"
    assert not cut_off(page)


def test_keys_move_alpha_and_the_average_follows(page):
    says(page, "α (inner rate): 0.4; ", "after step 3 of 3: ", "mean of 8 tasks, ")
    before = pictures(page)
    slider = page.get_by_role("slider", name="α (inner rate)")
    slider.press("Home")
    says(page, "α (inner rate): 0.001; ", *at(3, 3))
    says(page, "mean of 8 tasks, ")  # worked out in the background
    wait_until(page, lambda: pictures(page) >= before + 2)
    slider.press("End")
    says(page, "α (inner rate): 10; ")
    message = page.locator(".metalib-message")
    wait_until(page, lambda: "α = 10 is too large for this start" in message.inner_text())
    slider.press("Home")
    wait_until(page, lambda: message.inner_text() == "")


def test_keys_move_the_steps(page):
    steps, step = (
        page.get_by_role("slider", name=name, exact=True) for name in ("inner steps", "step shown")
    )
    before = pictures(page)
    steps.press("ArrowRight")
    says(page, *at(4, 4))
    step.press("Home")
    says(page, *at(0, 4))
    steps.press("ArrowLeft")
    says(page, *at(0, 3))
    step.press("End")
    says(page, *at(10, 10))
    wait_until(page, lambda: steps.get_attribute("aria-valuetext") == "10", "the other slider follows")
    assert pictures(page) >= before + 4


def test_keys_on_the_picture_go_through_the_steps(page):
    page.get_by_role("application", name=re.compile("Adaptation to one task")).focus()
    page.keyboard.press("Home")
    says(page, *at(0, 10))
    page.keyboard.press("ArrowRight")
    says(page, *at(1, 10))
    task = re.search(r"task (\d+)\.", words(page)).group(1)
    page.keyboard.press("Enter")
    says(page, f"task {int(task) + 1}.")
    page.get_by_role("button", name="new task").click()
    says(page, f"task {int(task) + 2}.")


def test_other_weights_change_the_range_of_ways(page):
    weights, ways = page.get_by_label("weights"), page.get_by_role("slider", name="ways", exact=True)
    ways.press("End")
    says(page, "; ways: 5; ")
    weights.select_option("untrained")
    says(page, "weights: untrained", "7 of 12 outputs unused")
    ways.press("ArrowRight")
    says(page, "; ways: 6; ", "6 of 12 outputs unused")
    ways.press("End")
    says(page, "; ways: 12; ")
    weights.select_option("MAML")
    says(page, "weights: MAML; α (inner rate): 0.4; ", "; ways: 5; ")
    ways.press("End")
    page.wait_for_timeout(500)
    assert "; ways: 5; " in words(page)
    assert page.locator(".metalib-error:not(:empty)").count() == 0
    ways.press("ArrowLeft")
    says(page, "; ways: 4; ", "1 of 5 outputs unused")


def test_play_goes_through_the_steps_and_stops_at_the_last(page):
    steps = page.get_by_role("slider", name="inner steps", exact=True)
    steps.press("Home")
    for _press in range(2):
        steps.press("ArrowRight")
    says(page, *at(2, 2))
    seen = set()
    page.locator(".jupyter-widgets.widget-play button, .widget-play button").first.click()

    def played():
        seen.add(re.search(r"step shown: (\d+); ", words(page)).group(1))
        return {"0", "1"} <= seen and "step shown: 2; " in words(page)

    wait_until(page, played, "0, 1, 2")
    page.wait_for_timeout(1200)
    assert all(part in words(page) for part in at(2, 2))
