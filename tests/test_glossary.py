"""The glossary: which places of a text are linked, and that the course's own is whole."""

import re

import glossary
import pytest
from chapter_prose import ROOT, course, has, prose, small
from glossary import Glossary, table, terms
from markdown_it import MarkdownIt
from prose import emphasis_inside_links
from sources import ChapterError

TOML = """\
["support set"]
zh = "支持集"
pinyin = "zhīchí jí"
says = "What a learner adapts to."
zh_says = "学习器据此适应。"
chapter = "02"
words = ["support set", "support example"]

[MAML]
zh = "与模型无关的元学习"
pinyin = "yǔ móxíng wúguān de yuán xuéxí"
says = "A start."
chapter = "03"

["first-order MAML"]
zh = "一阶 MAML"
pinyin = "yī jiē"
says = "A cheaper start."
chapter = "03"

[policy]
zh = "策略"
pinyin = "cèlüè"
says = "What an agent does."
chapter = "10"
words = []
zh_words = []
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "chapters" / "source").mkdir(parents=True)
    write(tmp_path, TOML)
    return tmp_path


def write(root, text):
    (root / "chapters" / "source" / "glossary.toml").write_text(text, "utf-8")


def linked(root, text, language="en", unlinked=(), home="F"):
    """The prose with its links; `[word](F#term-x "…")` is shortened to `[word>x]`."""
    chapter = small(text, language, unlinked)
    name = Glossary(chapter, root, home)
    found = "\n\n".join(name.write(piece) for piece in prose(chapter))
    return re.sub(r'\]\(F#term-([\w-]+) "[^"]*"\)', r">\1]", found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A support set, a support set.", "A [support set>support-set], a support set."),
        ("Support sets are few.", "[Support sets>support-set] are few."),
        ("the **support\nset** is", "the **[support\nset>support-set]** is"),
        ("one support example", "one [support example>support-set]"),
        ("A set of support, support settings", "A set of support, support settings"),
        ("MAML's start; maml, MAMLs", "[MAML>maml]'s start; maml, MAMLs"),
        ("a MAML-like, an X-MAML", "a MAML-like, an X-MAML"),
        ("first-order MAML, then MAML", "[first-order MAML>first-order-maml], then [MAML>maml]"),
        ("First-order MAML", "[First-order MAML>first-order-maml]"),
        ("the policy", "the policy"),
        ("the {term}`policy`", "the [policy>policy]"),
        ("its {term}`policies <policy>`", "its [policies>policy]"),
        # where nothing is linked
        ("## MAML\n\nis MAML", "## MAML\n\nis [MAML>maml]"),
        ("`MAML` and ``a ` MAML`` and $MAML$", "`MAML` and ``a ` MAML`` and $MAML$"),
        ("```python\nMAML\n```\n\nMAML", "```python\nMAML\n```\n\n[MAML>maml]"),
        ("$$\nMAML\n$$ MAML", "$$\nMAML\n$$ [MAML>maml]"),
        ("[MAML](a.ipynb), ![MAML](b.png), MAML", "[MAML](a.ipynb), ![MAML](b.png), [MAML>maml]"),
        ("| MAML |\n|---|\n\nMAML", "| MAML |\n|---|\n\n[MAML>maml]"),
        ("<b title='MAML'>MAML</b>", "<b title='MAML'>[MAML>maml]</b>"),
        ("[see MAML @a2017b] MAML", "[see MAML @a2017b] [MAML>maml]"),
        ("- [@a2017b] MAML\n  MAML\n- MAML", "- [@a2017b] MAML\n  MAML\n- [MAML>maml]"),
        ("> a quotation on MAML", "> a quotation on [MAML>maml]"),
        # by hand: the first use stays plain
        ("MAML. What {term}`MAML` is", "MAML. What [MAML>maml] is"),
        ("MAML\n\n+++\n\nlater {term}`so <MAML>`", "MAML\n\nlater [so>maml]"),
        ("`{term}` and {term}", "`{term}` and {term}"),
    ],
)
def test_the_first_use_in_running_text_is_linked(root, text, expected):
    assert linked(root, text) == expected


def test_a_chinese_chapter_finds_chinese_words_and_english_names(root):
    text = "先看支持集，再看支持集。一阶 MAML 和MAML。"
    expected = "先看[支持集>support-set]，再看支持集。[一阶 MAML>first-order-maml] 和[MAML>maml]。"
    assert linked(root, text, "zh") == expected


def test_a_link_says_what_the_term_means(root):
    def title(language):
        name = Glossary(small("", language), root, "13_faq.ipynb")
        return name.write("支持集" if language == "zh" else "support set")

    assert (
        title("en")
        == '[support set](13_faq.ipynb#term-support-set "支持集 zhīchí jí: What a learner adapts to.")'
    )
    assert title("zh") == '[支持集](13_faq.ipynb#term-support-set "support set：学习器据此适应。")'


def test_a_chapter_may_leave_a_term_alone_and_without_a_home_nothing_is_linked(root):
    assert linked(root, "MAML, support set", unlinked=["MAML"]) == "MAML, [support set>support-set]"
    assert linked(root, "MAML, {term}`so <policy>`", home=None) == "MAML, so"


@pytest.mark.parametrize(
    ("text", "unlinked", "said"),
    [
        ("a\n\n{term}`sport`", [], "50_small.md:5: glossary.toml has no term 'sport'"),
        ("a", ["sport"], "its 'unlinked' has 'sport', which is no term of glossary.toml"),
    ],
)
def test_an_unknown_term_is_refused_with_its_place(root, text, unlinked, said):
    with pytest.raises(ChapterError, match=re.escape(said)):
        linked(root, text, unlinked=unlinked)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('zh = "支持集"\n', "", "glossary.toml:1: support set: 'zh' is missing"),
        ('says = "A start."', 'says = ""', "glossary.toml:9: MAML: 'says' is missing"),
        ('says = "A start."', 'says = "A | B."', "glossary.toml:9: MAML: 'says' is one plain sentence"),
        ('chapter = "10"', "chapter = 10", "policy: 'chapter' is missing"),
        ("words = []", 'words = ["MAML"]', "policy: 'MAML' belongs to 'MAML' already"),
        ("words = []", "wrods = []", "policy: wrods is not a key of an entry"),
        ("[MAML]", '["support set"]', "glossary.toml: "),
    ],
)
def test_an_incomplete_entry_is_refused(root, old, new, said):
    write(root, TOML.replace(old, new, 1))
    with pytest.raises(ChapterError, match=re.escape(said)):
        terms(root)


def test_the_table_has_every_term_with_its_anchor(root):
    lines = table(root, []).splitlines()
    assert lines[0].startswith("| English | 中文 |")
    assert [re.search(r'id="([\w-]+)"', line)[1] for line in lines[2:]] == [
        *("term-first-order-maml", "term-maml", "term-policy", "term-support-set")
    ]
    assert lines[-1] == (
        '| <a id="term-support-set"></a>**support set** | 支持集 | zhīchí jí '
        "| What a learner adapts to. | 02 |"
    )


# The course


def test_the_courses_glossary_is_whole():
    known = terms(ROOT)
    assert len(known) > 50
    anchors = [term.anchor for term in known.values()]
    assert sorted(anchors) == sorted(set(anchors))
    chinese = [term.zh for term in known.values()]
    assert sorted(chinese) == sorted(set(chinese))
    for term in known.values():
        assert re.fullmatch(r"[A-Zα-ωθ].{15,200}\.", term.says), term.name
        assert re.search("[\u4e00-\u9fff]", term.zh), term.name
        assert re.fullmatch("[A-Za-zāáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜü’ ]+", term.pinyin), term.name


def test_every_term_is_linked_in_the_chapter_that_introduces_it():
    """What its chapter never says in running text is introduced nowhere."""
    met = {c.number: met_in(c) for c in course() if c.language == "en"}
    for term in terms(ROOT).values():
        if term.chapter in met:
            assert term.anchor in met[term.chapter], (term.name, term.chapter)
        else:
            assert not has(glossary.MARK), f"{term.name}: there is no chapter {term.chapter}"


def met_in(chapter):
    """The terms that a chapter leads to from its prose."""
    name = Glossary(chapter, ROOT, "F")
    return {anchor for text in prose(chapter) for anchor in re.findall(r"\(F#([\w-]+) ", name.write(text))}


def test_every_chapter_leads_to_the_glossary_and_a_chinese_one_explains_in_chinese():
    by_anchor = {term.anchor: term for term in terms(ROOT).values()}
    for chapter in course():
        met = met_in(chapter)
        assert len(met) >= 4, chapter.path
        if chapter.language == "zh":
            for anchor in met:
                assert re.fullmatch(".{8,80}。", by_anchor[anchor].zh_says), anchor


def test_every_link_is_a_link_when_the_text_is_read():
    """None stands where Markdown would show its brackets, as in a block of HTML."""
    read = MarkdownIt("commonmark", {"html": True}).enable("table")
    for chapter in course():
        name = Glossary(chapter, ROOT, "F")
        for text in map(name.write, prose(chapter)):
            inside = [child for token in read.parse(text) for child in token.children or ()]
            targets = [child.attrGet("href") for child in inside if child.type == "link_open"]
            assert text.count("](F#term-") == sum(href.startswith("F#") for href in targets), chapter.path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("一个**[词](F)**。", "一个[**词**](F)。"),
        ("，**[词](F)**供", "，[**词**](F)供"),
        ("由**[词](F)组 成** β", "由[**词**](F)**组 成** β"),
        ("由**一种 [词](F)**组成", "由**一种** [**词**](F)组成"),
        ("叫*[词](F 'x')*。", "叫[*词*](F 'x')。"),
        ("`个**`，**短**的**[词](F)**吗", "`个**`，**短**的[**词**](F)吗"),
        # what is read as it is meant stays
        ("a **[word](F)**, **[b](F)**. **[c](F)**", None),
        ("，**[词](F)**。", None),
        ("个**很[词](F)的**个", None),
        ("`a**[b](F)**c` and $a**[b](F)**c$", None),
        ("a**b\n\n* [c](F)**d", None),
    ],
)
def test_emphasis_beside_a_letter_goes_into_the_link(text, expected):
    assert emphasis_inside_links(text) == (expected or text)
    if expected:
        shown = MarkdownIt("commonmark").render(expected)
        assert "*" not in re.sub("<code>.*?</code>", "", shown)
