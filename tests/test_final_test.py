"""The final test: the chapters to read again are those of the questions missed at first."""

import textwrap
from importlib.metadata import PackageNotFoundError, version
from itertools import product

import colab
import pytest
from test_browser_surface import open_notebook, wait_until
from toy_exercises import TOY

from metalib import exercises, place, use_language
from metalib.exercises import Choice, Choose, Quiz, course, progress
from metalib.exercises.again import Place
from metalib.exercises.board import board
from metalib.exercises.view import on_page

PLACES = {"03": Place("03 Maps & legends", "03_maps.ipynb"), "06": Place("06 Hills", "06_hills.ipynb")}


def ask(name, chapter):
    choices = (Choice("so", "It is so.", correct=True, id="yes"), Choice("not so", "It is.", id="no"))
    return Choose(f"95/quiz/{name}", f"Is {name}?", choices=choices, chapter=chapter)


QUIZ = Quiz("95/quiz", tuple(ask(*pair) for pair in (("a", "06"), ("b", "03"), ("c", "06"))), (), PLACES)


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "progress"))


@pytest.mark.parametrize("answers", list(product(["", "yes", "no"], repeat=3)), ids="-".join)
def test_each_pattern_of_answers_gives_its_list(answers):
    view = QUIZ.view()
    for name, guess in zip("abc", answers, strict=True):
        if guess:
            view.receive(name, guess)
            view.receive(name, "yes")  # what is said after the explanation does not count
            view.receive(name, "no")
    wanted = {"03": ["b"] if answers[1] == "no" else []}
    wanted["06"] = [name for name, guess in zip("ac", answers[::2], strict=True) if guess == "no"]
    assert QUIZ.read_again() == {chapter: names for chapter, names in wanted.items() if names}
    assert QUIZ.answered_right() == [n for n, guess in zip("abc", answers, strict=True) if guess == "yes"]
    again = QUIZ.view()
    assert again.first == {
        name: "right" if guess == "yes" else "wrong"
        for name, guess in zip("abc", answers, strict=True)
        if guess
    }
    for name in "abc":  # taken again, all right
        again.receive(name, "yes")
    assert QUIZ.read_again() == {} and QUIZ.answered_right() == ["a", "b", "c"]


def test_near_is_missed_too():
    number = exercises.Number("95/quiz/n", "How many?", "So.", value=10.0, within=1, chapter="03")
    quiz = Quiz("95/quiz", (number,), (), PLACES)
    quiz.view().receive("n", "12")
    assert quiz.first_answers() == {"n": "near"} and quiz.read_again() == {"03": ["n"]}


def test_an_ordinary_quiz_has_no_such_list():
    quiz = Quiz("95/quiz", (ask("a", ""),))
    view = quiz.view()
    view.receive("a", "no")
    assert (view.shelf, view.first, quiz.read_again()) == ([], {}, {})
    assert "first" not in progress.entry("95/quiz")


@pytest.mark.parametrize("chapters", [("03", ""), ("03", "04")])
def test_all_questions_name_a_chapter_of_the_course_or_none_does(chapters):
    with pytest.raises(ValueError, match="must name a chapter of the course"):
        Quiz("95/quiz", (ask("a", chapters[0]), ask("b", chapters[1])), (), PLACES)


def test_where_no_kernel_runs_each_folded_answer_says_what_to_read_again():
    page, plain = QUIZ._repr_html_(), repr(QUIZ)
    assert page.count("If you missed it, read again:") == plain.count("If you missed it, read again:") == 3
    assert page.count('<a href="06_hills.ipynb" target="_blank">06 Hills</a>') == 2
    assert "03 Maps &amp; legends" in page and "2. If you missed it, read again: 03 Maps & legends" in plain
    for question in page.split("<p><b>")[1:]:
        assert "read again" not in question.split("<details>")[0], "that stands behind the answer"


def test_damaged_progress_does_no_harm():
    progress.record("95/quiz", first="all of them")
    assert QUIZ.first_answers() == {} and QUIZ.read_again() == {}
    progress.record("95/quiz", first={"a": 7, "of-old": "wrong"})
    assert QUIZ.first_answers() == {"a": "7"} and QUIZ.view().first == {"a": "7"}


def test_on_colab_a_link_leads_to_the_course_of_this_version(monkeypatch):
    assert PLACES["03"].address == "03_maps.ipynb"
    colab.pretend(monkeypatch)
    root = "https://colab.research.google.com/github/"
    address, tag = PLACES["03"].address, place.ref(version("metalib"))
    assert address.startswith(root) and address.endswith(f"/blob/{tag}/chapters/03_maps.ipynb")
    monkeypatch.setattr(place, "metadata", lambda name: (_ for _ in ()).throw(PackageNotFoundError))
    assert PLACES["03"].address == "03_maps.ipynb"


TOUR = """# A tour

## 96/quiz

### first: First?

- [x] So

  It is so.

- [ ] Otherwise

  It is not.

Chapter: 97

### many: How many?

= 8, in steps, within 1

Answer: Eight.

Chapter: 95

### lines: In which order?

1. `one`

   It comes first.

2. `two`

   It comes last.

Answer: One, two.

Chapter: 97
"""
CELL = """
    import os, tempfile
    from pathlib import Path
    from metalib import exercises
    if "kept" not in globals():
        kept = os.environ["METALIB_PROGRESS"] = tempfile.mkdtemp()
        exercises.course.FOLDERS[:] = [Path({folder!r})]
        exercises.course.chapters_in.cache_clear()
    exercises.get("96/quiz")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A course of three chapters, of which the second has a final test."""
    for code in ("en", "zh"):
        content = tmp_path / "content" / code
        content.mkdir(parents=True)
        toy = (TOY / "content" / code / "97_toy.md").read_text("utf-8")
        (content / "97_toy.md").write_text(toy, "utf-8")
    english = tmp_path / "content" / "en"
    (english / "95_start.md").write_text("# A start\n", "utf-8")
    (english / "96_tour.md").write_text(TOUR, "utf-8")
    monkeypatch.setattr(course, "FOLDERS", [tmp_path / "content"])
    course.chapters_in.cache_clear()
    yield tmp_path / "content"
    use_language("en")
    course.chapters_in.cache_clear()


def test_the_chapters_are_called_by_their_titles_in_the_readers_language(folder):
    assert [place["title"] for place in exercises.get("96/quiz").view().shelf] == [
        "95 A start",
        "97 A toy chapter",
    ]
    course.chapters_in.cache_clear()
    use_language("zh")
    shelf = exercises.get("96/quiz").view().shelf
    assert [place["title"] for place in shelf] == ["95 A start", "97 玩具章"]
    assert shelf[1] | {"title": ""} == {
        "title": "",
        "address": "97_toy.ipynb",
        "questions": ["first", "lines"],
    }


def test_the_board_says_what_to_read_again(folder):
    quiz = exercises.get("96/quiz")
    quiz._repr_mimebundle_()
    view = on_page("96/quiz")
    wrong, lines = quiz.questions[0].choices[1].id, quiz.questions[2].lines
    view.receive("first", wrong)
    view.receive("many", "10")
    view.receive("lines", " ".join(line.id for line in lines))
    assert "Quiz: 1 of 3 answered right (read again: 95, 97)" in repr(board())


def press_tab_to(page, selector):
    for _press in range(20):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement?.matches({selector!r})"):
            return
    raise AssertionError(f"Tab does not reach {selector}")


@pytest.mark.browser
@pytest.mark.slow
def test_the_list_grows_under_the_keyboard_and_is_kept(browser, jupyter_lab, folder):
    cell = textwrap.dedent(CELL).format(folder=str(folder))
    page = open_notebook(browser, jupyter_lab, "96_tour.ipynb", cell, shows=".metalib-quiz label")
    score, again = page.locator(".metalib-quiz .score"), page.locator(".metalib-quiz .again")
    assert score.inner_text() == "Right at the first answer: 0 of 3. Not answered yet: 3."
    assert not again.is_visible()
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Escape")
    press_tab_to(page, "input[type=radio]")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    assert "Not answered yet: 3." in score.inner_text(), "to move is not to answer"
    page.get_by_label("Otherwise").check()
    page.keyboard.press("Enter")
    wait_until(page, lambda: "Not answered yet: 2." in score.inner_text())
    assert again.inner_text().split() == "Read again: 97 A toy chapter (missed: question 1)".split()
    page.get_by_label("So", exact=True).check()
    page.keyboard.press("Enter")
    page.get_by_text("It is so.").wait_for()
    assert "97 A toy chapter" in again.inner_text(), "the first answer counts"
    page.get_by_label("Your number").fill("8")
    page.keyboard.press("Enter")
    page.get_by_text("Eight.").wait_for()
    assert score.inner_text() == "Right at the first answer: 1 of 3. Not answered yet: 1."
    page.locator(".metalib-quiz").get_by_role(
        "button", name="Check"
    ).last.click()  # lines never stand in order at first
    wait_until(page, lambda: "Not answered yet: 0." in score.inner_text())
    link = again.get_by_role("link", name="97 A toy chapter")
    assert link.get_attribute("href") == "97_toy.ipynb"
    assert link.evaluate("e => new URL(e.href).pathname").endswith("tree/97_toy.ipynb")
    again.get_by_role("button", name="question 3").click()
    assert page.evaluate("document.activeElement.dataset.text") in ("one", "two")

    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    wait_until(page, lambda: page.locator(".jp-InputPrompt").first.inner_text() == "[2]:")
    wait_until(page, lambda: "missed: question 1, question 3" in again.inner_text(), "what was kept")
    page.get_by_label("So", exact=True).check()
    page.keyboard.press("Enter")
    wait_until(page, lambda: "(missed: question 3)" in again.inner_text(), "another try")
    page.context.close()
