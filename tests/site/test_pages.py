"""Every page in a real browser, narrow and wide, light and dark, with all other hosts blocked."""

import pytest
from conftest import SITE
from visitor import LAPTOP, PHONE, visitor

PAGES = sorted(file.relative_to(SITE).as_posix() for file in SITE.glob("**/*.html"))
# An element that reaches out of the window, unless something around it scrolls or hides what it holds.
WIDE = """() => {
  const width = document.documentElement.clientWidth;
  const kept = (element) => {
    const around = element.parentElement;
    if (!around || around === document.body) return false;
    return getComputedStyle(around).overflowX !== "visible" || kept(around);
  };
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  return [...document.querySelectorAll("body *")]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest("math *"))
    .filter((element) => element.getBoundingClientRect().right > width + 1 && !kept(element))
    .map((element) => `${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 60)}`)
    .concat(document.documentElement.scrollWidth > width ? ["the page itself"] : []);
}"""
# A formula or a table that is cut off: its box holds more than it shows, and does not scroll.
CUT = """() => [...document.querySelectorAll("article *")]
  .filter((element) => element.scrollWidth > element.clientWidth + 2 && element.clientWidth > 0)
  .filter((element) => ["hidden", "clip"].includes(getComputedStyle(element).overflowX))
  .filter((element) => element.checkVisibility() && !element.closest(".visually-hidden, button, svg, math"))
  .map((element) => `${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 60)}`)"""
PAPER = """() => [...document.querySelectorAll("article .cell_output img")].map((picture) => {
  const look = getComputedStyle(picture);
  return [look.backgroundColor, look.filter].join(" ");
})"""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_in_every_window(browser, address, name):
    for viewport in (PHONE, LAPTOP):
        for theme in ("light", "dark"):
            with visitor(browser, address, viewport, theme) as guest:
                page = guest.open(name)
                where = f"{name}, {viewport['width']} px, {theme}"
                assert page.evaluate("document.documentElement.dataset.theme") == theme, where
                assert page.evaluate(WIDE) == [], where
                assert page.evaluate(CUT) == [], where
                assert set(page.evaluate(PAPER)) <= {"rgb(255, 255, 255) none"}, where
                assert page.locator("img:not([alt]), img[alt='']").count() == 0, where
                assert page.locator("#pst-back-to-top").count() == 0, where  # it would cover sliders
                assert guest.faults == [], where


def test_the_visitor_notices_what_is_wrong(browser, address):
    with visitor(browser, address, PHONE) as guest:
        page = guest.open("index.html")
        page.evaluate("""() => {
          const wide = document.createElement("p");
          wide.style.width = "900px";
          document.querySelector("article").append(wide);
          console.error("planted");
          return fetch("https://example.org/x").catch(() => 0).then(() => fetch("missing.json"));
        }""")
        assert any(line.startswith("P.") for line in page.evaluate(WIDE))
        told = "\n".join(guest.faults)
        assert "planted" in told and "example.org" in told and "404" in told


def test_without_javascript_text_formulas_and_still_pictures_stay(browser, address):
    for name in ("00_start_here.html", "03_maml.html", "zh/03_maml.html", "index.html"):
        with visitor(browser, address, PHONE, java_script_enabled=False) as guest:
            page = guest.open(name)
            for picture in page.locator("article figure img").all():
                picture.scroll_into_view_if_needed()
                box = picture.bounding_box()
                assert box and box["width"] > 250 and box["height"] > 60, name
            assert page.locator(".metalib-fidelity").first.is_visible(), name
            if "03" in name:
                formula = page.locator("math").first
                assert formula.bounding_box()["height"] > 8 and page.locator("math").count() > 10, name
            assert "$\\" not in page.locator("article").inner_text(), name
            assert guest.faults == [], name


def test_a_term_leads_to_the_glossary_and_says_what_it_means(browser, address):
    for name in ("03_maml.html", "zh/03_maml.html"):
        with visitor(browser, address, PHONE) as guest:
            page = guest.open(name)
            term = page.locator("article a[href*='#term-']").first
            assert len(term.get_attribute("title")) > 10
            place = term.get_attribute("href").partition("#")[2]
            term.click()
            page.wait_for_url("**/13_faq.html#*")
            row = page.locator(f"#{place}")
            assert row.evaluate("e => e.closest('tr').getBoundingClientRect().top") < PHONE["height"]
            assert guest.faults == []


def test_the_editions_of_a_page_lead_to_each_other_and_its_buttons_to_its_notebook(browser, address):
    with visitor(browser, address) as guest:
        page = guest.open("03_maml.html")
        launch = [link.get_attribute("href") for link in page.locator("p.launch-row a").all()]
        assert [host in link for host, link in zip(("mybinder", "colab", "github"), launch, strict=True)]
        assert all(link.endswith("03_maml.ipynb") for link in launch)
        page.locator("a.edition").click()
        page.wait_for_url("**/zh/03_maml.html")
        assert page.evaluate("document.documentElement.lang").startswith("zh")
        page.locator("a.edition").click()
        page.wait_for_url("**/course/03_maml.html")
        assert guest.faults == []


@pytest.mark.parametrize(
    "start, words, page",
    [
        ("index.html", "temperature", "06_protonet_math.html"),
        ("zh/00_start_here.html", "支持集", "03_maml.html"),
        ("zh/index.html", "支持集和查询集", "03_maml.html"),
        ("zh/index.html", "MAML", "03_maml.html"),
    ],
)
def test_search_finds_words_in_each_language(browser, address, start, words, page):
    with visitor(browser, address) as guest:
        window = guest.open(start)
        window.keyboard.press("Control+k")
        window.locator("dialog[open] input[name=q]").fill(words)
        window.keyboard.press("Enter")
        results = window.locator("#search-results ul.search li a")
        results.first.wait_for()
        window.locator("#search-results p.search-summary").wait_for()
        found = [link.get_attribute("href") for link in results.all()]
        assert any(page in link for link in found), found
        assert guest.faults == []


def test_a_result_shows_the_beginning_of_a_page_and_not_its_buttons(browser, address):
    with visitor(browser, address) as guest:
        page = guest.open("search.html?q=domain+adaptation")
        said = page.locator("#search-results li", has=page.locator("a[href*='09_domain']")).locator(
            "p.context"
        )
        said.first.wait_for()
        shown = said.first.inner_text()
        assert shown.lstrip(".").startswith("Domain adaptation") and "On this page" not in shown, shown


def test_words_that_nowhere_stand_are_not_found(browser, address):
    for name, words in (("search.html", "zebra"), ("zh/search.html", "斑马")):
        with visitor(browser, address) as guest:
            page = guest.open(f"{name}?q={words}")
            page.locator("#search-results p.search-summary").wait_for()
            assert page.locator("#search-results li").count() == 0


def test_code_can_be_copied_and_long_output_scrolls_in_its_box(browser, address):
    with visitor(browser, address) as guest:
        page = guest.open("03_maml.html")
        assert page.locator("button.copybtn").count() == page.locator("div.cell_input pre").count() > 20
        for box in page.locator("div.cell_output .output.stream").all():
            assert box.bounding_box()["height"] <= 32 * 16 + 2
