"""Write a chapter's exercises as Markdown: the way back of `metalib.exercises.reader`, for its tests."""

import re
import textwrap

from metalib.exercises.reader import joined_script
from metalib.exercises.texts import ChapterText, ChoiceText, ExerciseText, QuestionText

MARKS = r"([-+*>|]|\d+[.)])(\s|$)|#+(\s|$)|```|\s"  # what must not begin a line of running text


def render(chapter: ChapterText) -> str:
    """The file's text. Wrong answers are written as whole programs."""
    parts = [f"# {chapter.title}", *(exercise(one) for one in chapter.exercises)]
    for name, asked in (("predictions", chapter.predictions), ("quiz", chapter.questions)):
        if asked:
            parts += [f"## {chapter.path.stem[:2]}/{name}", *map(question, asked)]
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
    parts = [f"### {one.id.rpartition('/')[2]}: {one.text}"]
    if one.number:
        value, within = one.number.value, one.number.within
        said = f"= {{{value}}}" if isinstance(value, str) else f"= {value}"
        said += f", in {one.number.unit}" if one.number.unit else ""
        parts.append(said + f", within {'a factor of ' if one.number.factor else ''}{within}")
    elif one.lines:
        parts.append(items(((f"{n}. ", told(line)) for n, line in enumerate(one.lines, 1)), blank=True))
    else:
        marked = ((f"- [{'x' if choice.correct else ' '}] ", told(choice)) for choice in one.choices)
        parts.append(items(marked, "  ", blank=True))
    parts += [f"Answer: {prose(one.answer, 100)}"] if one.answer else []
    parts += ["Alt: " + "\n\n".join(map(prose, one.alt))] if one.alt else []
    return "\n\n".join([*parts, *([f"Chapter: {one.chapter}"] if one.chapter else [])])


def told(item: ChoiceText) -> tuple[str, ...]:
    return (item.text, item.why) if item.why else (item.text,)


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
