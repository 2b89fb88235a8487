"""How the chapters ask: predictions that nothing spoils, quizzes that do not give themselves away, code that
fits the screen. All of it is read from the built notebooks and the content; nothing runs."""

import html
import re
import unicodedata
from pathlib import Path

import nbformat
import pytest

from metalib import exercises, use_language
from metalib.exercises import Choose, course
from metalib.exercises.question import as_html, filled

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = ROOT / "chapters"
NAMES = sorted(  # not the copies that JupyterLab keeps beside what was opened
    path.relative_to(CHAPTERS).as_posix()
    for path in CHAPTERS.rglob("*.ipynb")
    if ".ipynb_checkpoints" not in path.parts
)
COLUMNS = 95  # what JupyterLab shows of a line at 1280 × 800


each_notebook = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def language(request):
    """Speak the language of the notebook that is looked at."""
    name = getattr(request.node, "callspec", None) and request.node.callspec.params.get("name", "")
    use_language((name or "").rpartition("/")[0] or "en")
    yield
    use_language("en")


def number(name):
    return name.rpartition("/")[2][:2]


def cells(name):
    return nbformat.read(ROOT / "chapters" / name, as_version=4).cells


def predictions(name):
    """Of each prediction in a notebook: its id, its cell, what it shows, and the prose right below it."""
    found = cells(name)
    for at, cell in enumerate(found):
        asked = re.search(r'exercises\.predict\(\s*"([\w/-]+)"', cell.source)
        if cell.cell_type == "code" and asked:
            below = found[at + 1 : at + 2]
            prose = below[0].source if below and below[0].cell_type == "markdown" else ""
            prose = re.sub(r'\]\(\S+ "[^"]*"\)', "]", prose)  # what a term means is shown under the pointer
            yield asked[1], cell, cell.outputs[0].data["text/html"], prose


def width(line):
    """Columns: a Chinese character takes two."""
    return sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in line)


def words(page):
    """What a reader sees of HTML."""
    return html.unescape(re.sub(r"<[^>]*>", " ", re.sub(r"data:image[^\"]*", "", page)))


@each_notebook
def test_code_fits_the_screen(name):
    code = [cell for cell in cells(name) if cell.cell_type == "code"]
    lines = [line for cell in code for line in cell.source.splitlines() if "https://" not in line]
    assert [line for line in lines if width(line) > COLUMNS] == []


# Predictions


@each_notebook
def test_a_prediction_is_asked_by_its_cell_and_not_by_prose(name):
    """But for what the reader tries in a laboratory, where it is the reader's hand that answers."""
    for cell, below in zip(found := cells(name), found[1:], strict=False):
        if cell.cell_type == "markdown" and "Laboratory(" not in below.source:
            assert not re.search(r"\*\*(Predict|预测)", cell.source), cell.source[-300:]


@each_notebook
def test_what_answers_a_prediction_is_folded_and_described(name):
    for id, cell, page, _prose in predictions(name):
        question = next(item for item in asked_in(name) if item.id == id)
        assert [output.output_type for output in cell.outputs] == ["execute_result"], id
        head, folded = page.split("<details>", 1)
        assert as_html(question.text) in head and question.asked_html() in head, f"{id}: run `make chapters`"
        assert head.count("<img") == 0 and page.count("<img ") == len(question.alt), id
        for text in question.said_after[: len(question.items) + 1]:
            for piece in re.split(r"\{\w+(?::[^{}]*)?\}", text):
                assert as_html(piece).strip("\n") in folded or "\n\n" in piece, f"{id}: run `make chapters`"


@each_notebook
def test_nothing_beside_a_prediction_answers_it(name):
    """The prose below and the code above do not have the numbers that it opens, nor the right choice."""
    for id, cell, page, prose in predictions(name):
        question = next(item for item in asked_in(name) if item.id == id)
        head, folded = page.split("<details>", 1)
        told = re.compile(r"(?<![\w.])\d+\.\d+|(?<![\w.,])\d{3,}(?![\w.,]*\d)")
        known = set(told.findall(words(head) + cell.source))
        opened = set(told.findall(words(folded))) - known
        spoiled = opened & set(told.findall(prose))
        assert not spoiled, f"below {id} the prose has {spoiled}: that belongs into its 'Answer:'"
        for choice in question.items:
            if choice.correct:
                assert filled(choice.text, {}).rstrip(".。").lower() not in prose.lower(), id
        comments = " ".join(re.findall(r"#.*", cell.source))
        assert not opened & set(told.findall(comments)), f"a comment above {id} answers it"


def asked_in(name):
    there = exercises.chapters().get(number(name))
    return there.predictions if there else ()


# Quizzes


@each_notebook
def test_the_stored_quiz_is_what_the_content_says(name):
    for cell in cells(name):
        if "quiz" in cell.metadata.get("tags", []):
            quiz = exercises.get(f"{number(name)}/quiz")
            assert cell.outputs[0].data["text/html"] == quiz._repr_html_(), "run `make chapters`"


LANGUAGES = ["en", *sorted({name.partition("/")[0] for name in NAMES if "/" in name})]
VERDICT = (
    r"(yes|no|right|wrong|correct|true|false|exactly)\b[,.:;!–-]"
    r"|(对|不对|是|是的|错|不|正确|没错)[，。：；！]"
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_explanation_repeats_its_verdict(language):
    """An explanation stands behind "Right." or "No."."""
    for chapter in course.chapters_in(language).values():
        for question in (*chapter.quiz.questions, *chapter.predictions):
            for said in (*(item.why for item in question.items), question.answer):
                assert not re.match(VERDICT, said, re.IGNORECASE), f"{question.id}: {said[:60]!r}"
        for item in (choice for question in chapter.quiz.questions for choice in question.items):
            assert item.correct or not item.why.startswith("No "), f"No. {item.why}"


def length_counts():
    """In how many questions the right choice is noticeably the longest, noticeably the shortest; and of how
    many."""
    longest = shortest = 0
    asked = choices_of_the_course()
    for question in asked:
        right = next(len(choice.text) for choice in question.choices if choice.correct)
        others = [len(choice.text) for choice in question.choices if not choice.correct]
        longest += right > 1.1 * max(others)
        shortest += right < min(others) / 1.1
    return longest, shortest, len(asked)


def test_the_right_choice_is_not_told_by_its_length():
    longest, shortest, total = length_counts()
    assert longest <= 0.4 * total and shortest <= 0.4 * total, (longest, shortest, total)


def choices_of_the_course():
    asked = (question for quiz in exercises.quizzes() for question in quiz.questions)
    return [question for question in asked if isinstance(question, Choose)]


def test_the_right_choice_stands_anywhere():
    """Shuffled by the questions' ids, it is first, second, third about as often as chance has it."""
    asked = choices_of_the_course()
    for place in range(3):
        there = sum(len(q.choices) > place and q.shuffled()[place].correct for q in asked)
        chances = [1 / len(q.choices) for q in asked if len(q.choices) > place]
        spread = sum(chance * (1 - chance) for chance in chances) ** 0.5
        assert abs(there - sum(chances)) <= 2.6 * spread, f"{there} of {len(asked)} in place {place + 1}"
