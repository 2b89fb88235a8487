"""What a learner sees in JupyterLab of pictures and of a saved chapter: words, and no dead widget."""

import json
import urllib.request

import nbformat
import pytest
from test_browser_surface import wait_until
from test_pictures import CHAPTERS, SAYS_NOTHING, shown

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELLS = (
    "from metalib import exercises\nfrom metalib.lab import SineLaboratory\nSineLaboratory(steps=1)",
    'exercises.predict("00/one-step")',
    'exercises.get("00/quiz")',
)
# Scroll on, from the end to the beginning; each picture's words, and by how many pixels it is too wide.
SCROLL = """() => {
    const scroller = document.querySelector(".jp-WindowedPanel-outer");
    const last = scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 1;
    scroller.scrollTop = last ? 0 : scroller.scrollTop + 600;
    return Object.fromEntries([...document.querySelectorAll(".jp-OutputArea-output img")].map(image => {
        const folded = image.closest("details:not([open])");
        const room = image.closest(".jp-OutputArea-output").clientWidth;
        return [image.alt, folded ? 0 : image.width - room];
    }));
}"""


def open_page(browser, lab, name):
    page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
    page.set_default_timeout(90_000)
    page.sent = []
    page.on("request", lambda request: page.sent.append(request.url))
    page.goto(lab.notebook(name))
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
    return page


def test_every_picture_of_a_chapter_has_words_and_fits_its_column(browser, jupyter_lab):
    name = "03_maml.ipynb"  # as it was fetched: JupyterLab does not trust it, and cleans its HTML
    wanted = set(shown(nbformat.read(CHAPTERS / name, as_version=4)))
    page, seen = open_page(browser, jupyter_lab, name), {}
    page.set_viewport_size({"width": 800, "height": 1000})
    page.locator(".jp-OutputArea-output").first.wait_for()

    def all_seen():  # JupyterLab keeps in the page what is near the window only
        seen.update(page.evaluate(SCROLL))
        return seen.keys() >= wanted

    wait_until(page, all_seen, "seeing every picture with its words")
    assert seen.keys() == wanted and not [words for words in seen if SAYS_NOTHING.match(words)]
    assert max(seen.values()) <= 0, "a picture is wider than its column"
    assert not [url for url in page.sent if not url.startswith((jupyter_lab.base, "data:", "blob:"))]
    page.context.close()


def test_what_was_run_and_saved_is_there_when_it_is_opened_again(browser, jupyter_lab):
    name = "saved.ipynb"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, jupyter_lab.folder / name)

    page = open_page(browser, jupyter_lab, name)
    # The notebook's own indicator says idle before there is a kernel, and what is run then is lost.
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.locator(".metalib-stage[data-pictures]").wait_for()
    page.locator(".metalib-prediction").wait_for()
    page.locator(".metalib-quiz").wait_for()
    before = page.get_by_role("radio").count()
    page.keyboard.press("Control+s")
    saved = jupyter_lab.folder / name
    wait_until(page, lambda: "widget-state+json" in saved.read_text("utf-8"), "the saved state")
    page.context.close()
    for kernel in asked(jupyter_lab, "kernels"):
        asked(jupyter_lab, f"kernels/{kernel['id']}", "DELETE")

    page = open_page(browser, jupyter_lab, name)
    stage = page.locator(".metalib-stage[data-pictures]")
    stage.wait_for()
    words = stage.locator("img").first.get_attribute("alt")
    assert "inner steps: 1;" in words and stage.bounding_box()["height"] > 200
    wait_until(page, lambda: page.get_by_role("radio").count() == before, "the quiz, as it was")
    assert before >= 4 and page.get_by_text("Error displaying widget").count() == 0
    assert page.get_by_text("JupyterLab news").count() == 0 == page.locator(".jp-Dialog").count()
    page.context.close()


def asked(lab, what, method="GET"):
    request = urllib.request.Request(f"{lab.base}/api/{what}?token={lab.token}", method=method)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.loads(response.read() or "null")
