"""The Markdown of exercises and quizzes: how it is read, what is refused and where, and its translations."""

import ast
import re
import shutil
from pathlib import Path

import chapter_code
import pytest
from exercise_markdown import MARKS, render
from hypothesis import HealthCheck, given, settings, strategies as st
from toy_exercises import CONTENT

from metalib import exercises, i18n
from metalib.exercises import course, probes
from metalib.exercises.compare import difference
from metalib.exercises.reader import read
from metalib.exercises.texts import (
    ChapterText,
    ChoiceText,
    ContentError,
    ExerciseText,
    NumberText,
    Program,
    QuestionText,
    WrongText,
)
from metalib.exercises.validation import validate

TOY = "97_toy.md"
PO = """\
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "after {n} steps"
msgstr "{n} 步之后"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the toy content, the only one the course has; progress of its own."""
    shutil.copytree(CONTENT, tmp_path / "content")
    monkeypatch.setattr(course, "FOLDERS", [tmp_path / "content"])
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "progress"))
    course.chapters_in.cache_clear()
    yield tmp_path / "content"
    course.chapters_in.cache_clear()


@pytest.fixture
def language(tmp_path, monkeypatch):
    """Choose the language, with a Chinese catalogue of one entry; afterwards English is spoken again."""
    catalogue = tmp_path / "locale" / "zh" / "LC_MESSAGES" / "metalib.po"
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text(PO, "utf-8")
    monkeypatch.setattr(i18n, "LOCALE_DIR", tmp_path / "locale")
    monkeypatch.setattr(i18n, "_language", None)
    i18n._catalogue.cache_clear()
    yield i18n.use_language
    i18n._catalogue.cache_clear()


def edit(path, old, new):
    text = path.read_text("utf-8")
    assert text.count(old) >= 1, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new, 1), "utf-8")


def line_of(path, text):
    return path.read_text("utf-8").split(text)[0].count("\n") + 1


# Reading

WORD = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8).filter(
    lambda word: not re.match(MARKS, word)
)
SENTENCE = st.lists(
    WORD | st.sampled_from(["$a_b$", "*so*", "`x`", "-", "θ′ = θ − α∇L", "学习"]), min_size=1
).map(lambda words: " ".join(["So", *words]))
PARAGRAPHS = st.lists(SENTENCE, min_size=1, max_size=3).map("\n\n".join)
CODE = st.sampled_from(
    ['x = """\n```\n# no heading\n"""\n', "x = 1\n\n\nif x:\n    y = '````'\n", "## x\nx = ...\n"]
)
PROGRAM = CODE.map(lambda text: Program(text, 0))
SLUG = st.sampled_from(["a", "b-1", "stub", "2-c-d", "wrong"])


def several(strategy, least=1):
    """A few with ids of their own."""
    return st.lists(strategy, min_size=least, max_size=3, unique_by=lambda item: item.id).map(tuple)


def some(strategy):
    return st.lists(strategy, min_size=1, max_size=3).map(tuple)


CODE_LINE = st.sampled_from(["`for x in y:`", "`    loss = f(x)`"])
WRONG = st.builds(WrongText, SLUG, PARAGRAPHS, CODE, st.just(0))
CHOICE = st.builds(ChoiceText, SENTENCE, PARAGRAPHS, st.booleans(), st.just(""))
SHORT_CHOICE = st.builds(ChoiceText, SENTENCE, st.just("") | PARAGRAPHS, st.booleans(), st.just(""))
LINE = st.builds(ChoiceText, SENTENCE | CODE_LINE, st.just("") | PARAGRAPHS, st.just(False), st.just(""))
NUMBER = st.builds(
    NumberText,
    st.sampled_from(["share", 12.0, -0.5]), st.sampled_from(["", "%", "steps a task"]),
    st.sampled_from([1.5, 5.0]), st.booleans(),
)  # fmt: skip
ANSWER, ALT = st.just("") | PARAGRAPHS, st.lists(SENTENCE, max_size=2).map(tuple)


def question(id, choice, chapter=""):
    said = {"answer": ANSWER, "alt": ALT, "chapter": st.sampled_from(["", chapter])}
    return st.one_of(
        st.builds(QuestionText, id, SENTENCE, some(choice), **said),
        st.builds(QuestionText, id, SENTENCE, number=NUMBER, **said),
        st.builds(QuestionText, id, SENTENCE, lines=some(LINE), **said),
    )


EXERCISE = st.builds(
    ExerciseText,
    SLUG.map("03/{}".format), SENTENCE, st.just(0), PARAGRAPHS,
    st.sampled_from(["x", "two_words"]), st.integers(0, 9), st.integers(0, 99), PROGRAM, PROGRAM,
    st.lists(PARAGRAPHS, min_size=1, max_size=4).map(tuple), several(WRONG), st.just("") | PARAGRAPHS,
)  # fmt: skip
CHAPTER = st.builds(
    ChapterText, st.just(Path("content/en/03_toy.md")), SENTENCE, several(EXERCISE),
    several(question(SLUG, CHOICE, "12"), 0),
    predictions=several(question(SLUG.map("03/before-{}".format), SHORT_CHOICE), 0),
)  # fmt: skip


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chapter=CHAPTER)
def test_whatever_is_written_is_read_back(chapter, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "03_toy.md"
    path.write_text(render(chapter), "utf-8")
    assert without_lines(read(path)) == without_lines(chapter)


def without_lines(item):
    """All fields but line numbers and the path."""
    if isinstance(item, tuple):
        return [without_lines(part) for part in item]
    if hasattr(item, "__dataclass_fields__"):
        return {
            key: without_lines(value)
            for key, value in vars(item).items()
            if key not in ("line", "quiz_line", "predictions_line", "path")
            and not (key == "id" and isinstance(item, ChoiceText))
        }
    return item


def test_a_diff_replaces_lines_that_follow_each_other(folder):
    edit(
        folder / "en" / TOY,
        "-    return theta - alpha * gradient\n+    return theta - gradient\n",
        " def inner_step(theta, gradient, alpha):\n+    alpha = 1\n     return theta - alpha * gradient\n",
    )
    assert exercises.get("97/inner-step").wrong[1].code == (
        "def inner_step(theta, gradient, alpha):\n    alpha = 1\n    return theta - alpha * gradient\n"
    )


def test_a_message_is_paragraphs_and_its_line_breaks_are_spaces(folder):
    edit(folder / "en" / TOY, "α is missing.", "α is\nmissing: *so* `x`\n\n\n$\\alpha$ is.")
    assert exercises.get("97/inner-step").wrong[1].message == "α is missing: *so* `x`\n\n$\\alpha$ is."


INNER, HINTS = "## 97/inner-step: The inner step\n", "1. Which way is downhill?\n2. Subtract.\n"
STUB = "### Stub\n\n```python\ndef inner_step"


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        ("# A toy chapter\n", "", "## 97/inner-step", "expected one '# title'"),
        ("# A toy chapter\n", "Hello\n# A toy\n", "Hello", "a file begins with '# '"),
        ("# A toy chapter\n", "# A toy chapter\n\nHello\n", "Hello", "only comments"),
        ("# A toy chapter\n", "# A\n\n# B\n", "# B", "expected one '# title'"),
        (INNER, "## 97/Inner: x\n", "## 97/Inner", "expected '## 97/some-id: title' or '## 97/quiz'"),
        (INNER, "## 96/inner-step: x\n", "## 96/", "expected '## 97/some-id: title'"),
        (INNER, "## 97/inner-step\n", "## 97/inner", "expected '## 97/some-id: title'"),
        (INNER, "##\n", "##\n", "this heading is empty"),
        (INNER, "## 97/largest-alpha: x\n", "## 97/largest-alpha: The",
         "'97/largest-alpha' is taken already"),
        ("difficulty 1 ", "difficulty one ", "`inner_step`", "expected a line '`name` · difficulty 1 · 10"),
        ("difficulty 1 ", "difficulty 4 ", INNER, "difficulty must be 1 to 3"),
        ("Write $\\theta' = \\theta - \\alpha \\nabla L$.", "", INNER, "has no statement"),
        ("### Stub", "### Stubb", "### Stubb",
         "expected one of ### Stub, ### Solution, ### Hints, ### Wrong"),
        ("### Hints\n\n1. Which", "### Passed\n\nx\n\n### Hints\n\n1. Which", "### Hints", "in the order"),
        ("### Wrong: uphill", "### Passed\n\nx\n\n### Wrong: uphill", "### Wrong: uphill", "in the order"),
        ("### Wrong: uphill", "### Hints\n\n1. x\n\n### Wrong: uphill", "### Hints\n\n1. x", "come once"),
        (STUB, "### Hints\n\n1. x\n\n" + STUB, "### Stub",
         "in the order Stub, Solution, Hints, Wrong, Passed"),
        (STUB, STUB.replace("python", "py"), "### Stub", "holds one ```python fence and nothing else"),
        (STUB, STUB.replace("```", "Now:\n\n```", 1), "### Stub", "holds one ```python fence and nothing"),
        (STUB, STUB.replace("```", "````"), "````python", "this code fence is never closed by ````"),
        (HINTS, "Subtract.\n", "Subtract.\n", "expected '1. a hint'"),
        (HINTS, "", "### Hints", "expected '1. a hint'"),
        (HINTS, "1. Which\nway?\n", "way?", "expected '1. a hint', or a line of it indented"),
        ("2. Subtract.", "3. Subtract.", "3. Subtract", "this is hint 2, not 3"),
        ("2. Subtract.", "2. Subtract:\n   - this", "   - this", "expected running text here, not '- this'"),
        ("Wrong: uphill", "Wrong: Up hill", "### Wrong: Up", "expected '### Wrong: some-id'"),
        ("Wrong: uphill", "Wrong", "### Wrong\n", "expected '### Wrong: some-id'"),
        ("Wrong: alpha-missing", "Wrong: uphill",
         "### Wrong: uphill\n\n```diff\n-    return theta - alpha * gradient\n"
         "+    return theta - g", "the id 'uphill' is taken already"),
        ("```diff\n-    r", "```\n-    r", "### Wrong: uphill", "begins with a ```diff or a ```python fence"),
        ("α is missing.", "", "### Wrong: alpha-missing", "expected a text here"),
        ("α is missing.", "# α", "# α", "expected one '# title'"),
        ("α is missing.", "> α", "> α", "expected running text here, not '> α'"),
        ("α is missing.", "α is\n    missing.", "    missing", "expected running text here"),
        ("+    return theta + alpha", "*    return theta", "### Wrong: uphill",
         "begins with '-', '+' or a space"),
        ("-    return theta - alpha", "-  return theta - alpha", "### Wrong: uphill",
         "exactly once, one after"),
        ("-    return theta - alpha * gradient\n", "", "### Wrong: uphill", "exactly once"),
        ("+    return theta + alpha *", "+    return theta + (", INNER,
         "wrong answer 'uphill' is not Python"),
        ("α is missing.", "That is the change alone.", INNER, "every wrong answer needs its own message"),
        ("## 97/quiz", "## 97/quiz\n\nHello", "Hello", "expected '### some-id: question'"),
        ("### two: Two?", "### Two?", "### Two?", "expected '### some-id: question'"),
        ("### two: Two?", "### whose-loss: Two?", "### whose-loss: Two?", "'whose-loss' is taken already"),
        ("- [ ] Both.", "- [] Both.", "- [] Both", "expected '- [ ] a choice'"),
        ("- [ ] Both.\n\n  Only one.\n", "- [ ] Both.\n", "- [ ] Both", "expected an explanation below"),
        ("- [ ] Both.\n\n  O", "- [ ] Both.\n\nO", "Only one.", "expected '- [ ] a choice', or a line of it"),
        ("- [ ] Both.", "- [x] Both.", "### whose-loss", "at most one of them correct"),
        ("- [ ] Both.", "- [ ] The support set's.", "### whose-loss", "the same choice twice"),
        ("= 80, in %", "= {share}, in %", "### rest", "in a quiz the right number stands in the file"),
        ("Answer: The factor is 1 − 2α.\n", "", "### rest", "needs, in a quiz, an 'Answer:'"),
        ("Answer: Loss, gradient", "Answer: {x}, gradient", "### loop", "needs, in a quiz, an 'Answer:', no"),
        ("= {needed}, in", "= {needed} in", "= {needed} in", "in %, within 5', with {a_name}"),
        ("within 1\n", "within 1\nso\n", "so\n", "after the number expected 'Answer: …'"),
        ("within 1\n", "within a factor of 1\n", "### steps", "a factor is above 1"),
        ("Answer: Each step halves θ.", "Answer:", "Answer:\n\n### ranking", "expected a text here"),
        ("Answer: Each", "Alt: A plot.\n\nAnswer: Each", "Answer: Each", "come once and in this order"),
        ("2. α = 0.25", "3. α = 0.25", "3. α = 0.25", "this is line 2, not 3"),
        ("2. α = 0.25\n\n3. α = 0.1\n", "", "### ranking", "needs at least two lines to put in order"),
        ("### steps: ", "### lands: ", "### lands: How", "the id '97/lands' is taken already"),
        ("### steps: ", "### inner-step: ", "### inner-step: How", "the id '97/inner-step' is taken already"),
        ("## 97/predictions", "## 97/predictions\n\nHello", "Hello", "expected '### some-id: question'"),
        ("## 97/quiz", "## 97/more: More", "## 97/more", "after the predictions only the quiz may follow"),
        ("Answer: Loss, gradient, step.", "Answer: So.\n\nChapter: 3", "Chapter: 3", "with two digits"),
        ("Answer: Each step", "Chapter: 97\n\nAnswer: Each step", "Answer: Each", "come once and in this"),
        ("Answer: Each step halves θ.", "Answer: So.\n\nChapter: 97", "Chapter: 97", "stands in a quiz"),
        ("Answer: Loss, gradient, step.", "Answer: So.\n\nChapter: 97", "## 97/quiz", "must name a chapter"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_must_be_is_refused_with_its_line(folder, old, new, at, said):
    path = folder / "en" / TOY
    edit(path, old, new)
    with pytest.raises(ContentError) as refused:
        course.chapters_in("en")
    assert str(refused.value).startswith(f"content/en/97_toy.md:{line_of(path, at)}: ")
    assert said in str(refused.value)


def test_a_part_that_is_missing_is_named(folder):
    edit(folder / "en" / TOY, "### Hints\n\n" + HINTS, "")
    with pytest.raises(ContentError, match=r"97_toy.md:3: the exercise 97/inner-step has no '### Hints'"):
        course.chapters_in("en")


@pytest.mark.parametrize(
    ("name", "said"), [("toy.md", "must look like 03_maml.md"), ("97_b.md", "another file")]
)
def test_a_content_file_has_a_chapters_name_of_its_own(folder, name, said):
    shutil.copy(folder / "en" / TOY, folder / "en" / name)
    with pytest.raises(ContentError, match=rf"{name}:1: .*{said}|97_toy.md:1: .*{said}"):
        course.chapters_in("en")


def test_a_probe_without_its_exercise_and_an_exercise_with_two_are_refused(folder):
    path = folder / "en" / TOY
    path.write_text(re.sub("97/largest-alpha", "97/largest", path.read_text("utf-8")), "utf-8")
    with pytest.raises(ContentError, match="a probe for '97/largest-alpha' in .*ch97, but no such exercise"):
        course.chapters_in("en")
    module = type(re)("ch97")
    module.one, module.two = (probes.probe("97/a")(lambda answer: answer) for _ in range(2))
    with pytest.raises(ValueError, match="'97/a' has two probes"):
        probes.of(module)


# Translations


def test_get_speaks_the_present_language_and_a_switch_takes_effect_at_once(folder, language):
    language("en")
    assert exercises.get("97/inner-step").title == "The inner step"
    language("zh")
    exercise = exercises.get("97/inner-step")
    assert exercise.title == "内循环的一步"
    assert exercise.hints[0] == "哪个方向是下坡？", "no gap where a line of Chinese was broken"
    assert exercise.check(lambda t, g, a: t + a * g).message == "你在上坡：梯度指向损失增大的方向。"
    assert "向下走一步" in exercise.stub
    assert exercises.chapters()["97"].title == "玩具章"
    assert exercises.get("97/quiz").questions[1].text == "二？"
    assert exercises.board().lines[0].title == "内循环的一步"
    language("en")
    assert exercises.get("97/inner-step").title == "The inner step"


def test_code_and_figures_of_a_translation_are_the_english_ones(folder, language):
    language("en")
    english = exercises.all()
    language("zh")
    for one, other in zip(english, exercises.all(), strict=True):
        for key in (
            "id",
            "name",
            "difficulty",
            "minutes",
            "solution_text",
            "probe",
            "context",
            "rtol",
            "atol",
        ):
            assert getattr(one, key) == getattr(other, key)
        assert [(w.id, w.code) for w in one.wrong] == [(w.id, w.code) for w in other.wrong]
        validate(other)


def test_progress_is_the_same_in_both_languages(folder, language):
    language("zh")
    exercises.get("97/inner-step").check(lambda t, g, a: t - a * g)
    exercises.get("97/quiz").view().receive("rest", "7")
    language("en")
    assert [line.sign for line in exercises.board().lines] == ["✓", "○", "◐"]


def test_the_labels_of_a_probes_results_are_translated_where_they_are_shown(language):
    expected, got = ({probes.label("after {n} steps", n=3): value} for value in (1, 2))
    for code, said in (("en", "after 3 steps: expected 1, got 2."), ("zh", "3 步之后: expected 1, got 2.")):
        language(code)
        assert difference(expected, got, rtol=0, atol=0) == said


def test_what_is_not_translated_is_english(folder, language):
    (folder / "zh" / TOY).unlink()
    language("zh")
    assert exercises.get("97/inner-step").title == "The inner step"


ZH_WRONG = "### Wrong: alpha-missing\n\n缺少 α。\n\n"


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        ("97/inner-step: ", "97/inner: ", "# 玩具章", "the exercise '97/inner-step' is missing; the English"),
        ("## 97/pre", "## 97/more: 多\n\n多\n\n### Hints\n\n1. 多\n\n### Wrong: more\n\n多\n\n## 97/pre",
         "## 97/more", "the exercise '97/more' is not in the English file"),
        (ZH_WRONG, "", "## 97/inner-step",
         "the wrong answer 'alpha-missing' is missing; the English file has it"),
        (ZH_WRONG, ZH_WRONG + ZH_WRONG.replace("alpha", "beta"), "### Wrong: beta-missing",
         "the wrong answer 'beta-missing' is not in the English file"),
        (ZH_WRONG + "### Wrong: change-alone\n\n这只是变化量。\n\n",
         "### Wrong: change-alone\n\n这。\n\n" + ZH_WRONG,
         "### Wrong: change-alone", "expected the wrong answer 'alpha-missing' here, as in the English file"),
        ("2. 用减法。\n", "", "## 97/inner-step", "97/inner-step has 1 hints here, 2 in English"),
        ("### Passed\n\n是到最小值的距离的两倍。\n", "", "## 97/largest-alpha",
         "'### Passed' of 97/largest-alpha must"),
        ("alpha):\n    return ...", "alpha):\n    return 0", "### Stub",
         "the stub differs from the English one"),
        ("alpha):\n    return ...", "alpha)\n    return ...", "### Stub",
         "the stub differs from the English one"),
        ("缺少 α。", "```python\nx = 1\n```\n\n缺少 α。", "### Wrong: alpha",
         "a wrong answer's code stands in the"),
        ("写出", "`inner_step` · difficulty 1 · 5 minutes\n\n写出", "`inner_step` ·",
         "stand in the English file only"),
        ("### two: ", "### three: ", "## 97/quiz", "the question 'two' is missing"),
        ("- [ ] 两者。\n\n  只有一个。\n", "", "### whose-loss", "the choices must be those of the"),
        ("- [x] 查询集的。", "- [ ] 查询集的。", "### whose-loss", ", [x] at the same one"),
        ("within 1", "within 2", "### steps", "the number and how far off counts as right must be"),
        ("= {needed}, in 步, within 1", "1. 一\n\n2. 二", "### steps", "as many lines to put in order as in"),
        ("3. α = 0.1\n", "", "### ranking", "as many lines to put in order as in the English file"),
        ("系数是 1 − 2α。", "系数是 1 − 2α。\n\nChapter: 97", "Chapter: 97", "in the English file"),
        ("Answer: 每一步把 θ 减半。", "", "### steps", "'Answer:' and 'Alt:' must be in both files"),
        ("α · 2θ = {step:.1f}", "α · 2θ", "### lands", "must be the English ones: before, step, stepped"),
        ("## 97/predictions", "## 97/quiz\n\n### a: 一？\n\n- [x] 一\n\n  一\n\n## 97/predictions",
         "## 97/predictions", "nothing may follow the quiz"),
    ],
)  # fmt: skip
def test_a_translation_with_other_parts_is_refused(folder, old, new, at, said):
    path = folder / "zh" / TOY
    edit(path, old, new)
    with pytest.raises(ContentError) as refused:
        course.chapters_in("zh")
    assert str(refused.value).startswith(f"content/zh/97_toy.md:{line_of(path, at)}: ")
    assert said in str(refused.value)


def test_a_quiz_is_in_both_languages_or_in_neither(folder):
    path = folder / "zh" / TOY
    path.write_text(path.read_text("utf-8").split("## 97/quiz")[0], "utf-8")
    with pytest.raises(ContentError, match="97_toy.md:1: a quiz must be in both files or in neither"):
        course.chapters_in("zh")


def test_predictions_are_in_both_languages_or_in_neither(folder):
    path = folder / "zh" / TOY
    text = path.read_text("utf-8")
    path.write_text(text.split("## 97/predictions")[0] + "## 97/quiz" + text.split("## 97/quiz")[1], "utf-8")
    with pytest.raises(ContentError, match="97_toy.md:1: 'predictions' must be in both files or in neither"):
        course.chapters_in("zh")


def test_a_translation_keeps_the_ids_and_the_order_that_is_shown(folder, language):
    def shown():
        return [[item.id for item in question.shuffled()] for question in course.chapters()["97"].predictions]

    language("en")
    english = shown()
    language("zh")
    assert shown() == english and english[0]


# The course's own files


def test_no_exercise_takes_a_name_that_its_chapter_uses():
    for chapter in exercises.chapters().values():
        (source,) = chapter_code.SOURCES.glob(f"{chapter.number}_*.md")
        used = {
            getattr(node, "id", getattr(node, "name", getattr(node, "arg", None)))
            for code in chapter_code.cells(source.stem)
            for node in ast.walk(ast.parse(code))
        }
        assert not {exercise.name for exercise in chapter.exercises} & used, chapter.number


TRANSLATIONS = sorted({code for code in i18n.languages() if code != i18n.SOURCE})


@pytest.mark.slow
@pytest.mark.parametrize("code", TRANSLATIONS)
def test_every_translated_exercise_is_as_valid_as_the_english_one(code):
    for folder in course.FOLDERS:
        for path in folder.glob(f"{code}/*.md"):
            assert (folder / "en" / path.name).exists(), f"{path} translates nothing"
            for exercise in course.load(folder / "en" / path.name, code).exercises:
                validate(exercise)
