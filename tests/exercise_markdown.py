"""Write a chapter's exercises as Markdown: the way back of `metalib.exercises.reader`, for its tests."""

import re
import textwrap

from metalib.exercises.reader import joined_script
from metalib.exercises.texts import ChapterText, ExerciseText, QuestionText

MARKS = r"([-+*>|]|\d+[.)])(\s|$)|#+(\s|$)|```|\s"  # what must not begin a line of running text


def render(chapter: ChapterText) -> str:
    """The file's text. Wrong answers are written as whole programs."""
    parts = [f"# {chapter.title}", *(exercise(one) for one in chapter.exercises)]
    if chapter.questions:
        parts += [f"## {chapter.path.stem[:2]}/quiz", *map(question, chapter.questions)]
    return "\n\n".join(parts) + "\n"


def exercise(one: ExerciseText) -> str:
    parts = [
        f"## {one.id}: {one.title}",
        f"`{one.name}` · difficulty {one.difficulty} · {one.minutes} minutes",
        one.statement,
        "### Stub",
        code("python", one.stub.text),
        "### Solution",
        code("python", one.solution.text),
        "### Hints",
        items((f"{n}. ", (hint,)) for n, hint in enumerate(one.hints, 1)),
    ]
    for wrong in one.wrong:
        parts += [f"### Wrong: {wrong.id}", code("python", wrong.code), prose(wrong.message)]
    return "\n\n".join([*parts, *(["### Passed", prose(one.passed)] if one.passed else [])])


def question(one: QuestionText) -> str:
    choices = (
        (f"- [{'x' if choice.correct else ' '}] ", (choice.text, choice.why)) for choice in one.choices
    )
    return f"### {one.id}: {one.text}\n\n{items(choices, '  ', blank=True)}"


def code(language: str, text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}{fence}"


def items(marked, indent: str = "   ", blank: bool = False) -> str:
    written = []
    for mark, texts in marked:
        body = "\n\n".join(prose(text, 106) for text in texts)
        written.append(mark + textwrap.indent(body, indent).removeprefix(indent))
    return ("\n\n" if blank else "\n").join(written)


def prose(text: str, width: int = 110) -> str:
    """Paragraphs, wrapped at spaces, but not where the line break would be read as something else."""
    return "\n\n".join(_wrapped(paragraph, width) for paragraph in text.split("\n\n"))


def _wrapped(paragraph: str, width: int) -> str:
    lines = [""]
    for word in paragraph.split(" "):
        full = lines[-1] and len(lines[-1]) + 1 + len(word) > width
        if full and not re.match(MARKS, word) and "\n" in joined_script(f"{lines[-1]}\n{word}"):
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return "\n".join(lines)
