"""The episode laboratory in a real browser: an episode played by mouse, by arrow keys and by number keys."""

import pytest
from test_browser_surface import open_notebook, wait_until, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EPISODE = """
    import torch
    from metalib import ProtoNet
    from metalib.data import ImageSet
    from metalib.lab import EpisodeLaboratory
    drawn = torch.randint(0, 256, (10, 6, 1, 28, 28), dtype=torch.uint8)
    characters = ImageSet(drawn, [f"c{n}" for n in range(10)], ["toy"] * 10)
    lab = EpisodeLaboratory(ProtoNet(torch.nn.Flatten()), characters, ways=3, shots=1, queries=1)
    lab
"""


def test_an_episode_is_played(browser, jupyter_lab):
    page = open_notebook(browser, jupyter_lab, "episode.ipynb", EPISODE)
    stage = page.get_by_role("application")
    page.locator(".metalib-stage[data-pictures]").wait_for()
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert "query 1 of 3. " in words(page) and "You point at class 1." in words(page)

    page.mouse.click(box["x"] + 0.18 * box["width"], box["y"] + 0.25 * box["height"])
    wait_until(page, lambda: "query 2 of 3. " in words(page), "the click")
    assert "You point at class 2." in words(page)
    assert stage.evaluate("e => e === document.activeElement")
    page.keyboard.press("ArrowRight")
    wait_until(page, lambda: "You point at class 3." in words(page), "the arrow key")
    page.keyboard.press("Enter")
    wait_until(page, lambda: "query 3 of 3. " in words(page), "Enter")
    page.keyboard.press("1")
    wait_until(page, lambda: "It is over" in words(page), "the number key")
    said = words(page)
    assert "query 1" in said and "you said 2" in said and "Score after 3 queries" in said
    message = page.locator(".metalib-message")
    wait_until(page, lambda: message.inner_text().startswith("Press Enter"), "the message")

    page.keyboard.press("Enter")
    wait_until(page, lambda: "query 1 of 3. " in words(page), "the next episode")
    assert "Score after 3 queries" in words(page)
    page.locator("button", has_text="new episode").click()
    wait_until(page, lambda: page.get_by_text("no. 3", exact=True).count() == 1, "the button")
    assert page.locator(".jp-CodeCell").count() == 2, "no key went to the notebook"
    page.context.close()
