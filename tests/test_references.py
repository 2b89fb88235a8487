"""Citations: what the prose says becomes what is read; every chapter cites what references.bib has."""

import re

import citations
import pytest
from chapter_prose import CONTENT, ROOT, course, has, prose, small
from citations import Citations, bibliography, references
from prose import running
from sources import ChapterError

BIB = """\
@string{icml = "International Conference on Machine Learning (ICML)"}

@inproceedings{finn2017maml,
  author = {Finn, Chelsea and Abbeel, Pieter and Levine, Sergey},
  title = {Model-Agnostic Meta-Learning},
  booktitle = icml,
  year = {2017},
  eprint = {1703.03400},
  archiveprefix = {arXiv},
}

@article{muller1933two,
  author = {Müller, Jean-Luc A. and de Freitas, Nando},
  title = {Why “So”?},
  journal = {A Journal},
  volume = {2},
  number = {3--4},
  pages = {5--6},
  year = {1933},
  doi = {10.1/a(1)},
}

@book{vanrijn2001solo,
  editor = {van Rijn, Ann},
  title = {A Book},
  publisher = {A Press},
  edition = {second},
  year = {2001},
  isbn = {978-0-262-18253-9},
}
"""
FINN = (
    "C. Finn, P. Abbeel, S. Levine: *Model-Agnostic Meta-Learning*. ICML 2017. "
    "[arXiv:1703.03400](https://arxiv.org/abs/1703.03400)."
)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "chapters" / "source").mkdir(parents=True)
    write(tmp_path, BIB)
    return tmp_path


def write(root, text):
    (root / "chapters" / "source" / "references.bib").write_text(text, "utf-8")


def written(root, text, language="en", home=None):
    chapter = small(text, language)
    return "\n".join(Citations(chapter, root, home).write(piece) for piece in prose(chapter))


@pytest.mark.parametrize(
    ("text", "english", "chinese"),
    [
        ("@finn2017maml say", "Finn et al. (2017) say", "Finn 等人（2017） say"),
        ("[@finn2017maml]", "(Finn et al., 2017)", "（Finn 等人，2017）"),
        ("[@finn2017maml, table 2]", "(Finn et al., 2017, table 2)", "（Finn 等人，2017, table 2）"),
        ("[@finn2017maml，表 2]", "(Finn et al., 2017，表 2)", "（Finn 等人，2017，表 2）"),
        (
            "[see @muller1933two, p. 5; @vanrijn2001solo]",
            "(see Müller and de Freitas, 1933, p. 5; van Rijn, 2001)",
            "（see Müller 和 de Freitas，1933, p. 5；van Rijn，2001）",
        ),
        ("| a | [@finn2017maml] |", "| a | (Finn et al., 2017) |", "| a | （Finn 等人，2017） |"),
        ("as @finn2017maml.", "as Finn et al. (2017).", "as Finn 等人（2017）."),
        ("- [@finn2017maml] Section 2.", f"- {FINN} Section 2.", f"- {FINN} Section 2."),
        ("- [@finn2017maml]", f"- {FINN}", f"- {FINN}"),
        ("`@finn2017maml`, $A @ B$, a@b.org", "`@finn2017maml`, $A @ B$, a@b.org", None),
        ("```python\n@cached\ndef f(): ...\n```", "```python\n@cached\ndef f(): ...\n```", None),
        ("[a link](b.ipynb#@c) and <b title='@c'>", "[a link](b.ipynb#@c) and <b title='@c'>", None),
    ],
)
def test_a_citation_is_written_out(root, text, english, chinese):
    assert written(root, text) == english
    assert written(root, text, "zh") == (chinese or english)


def test_it_leads_to_the_bibliography_when_there_is_one(root):
    home = "13_faq.ipynb"
    maml = '(13_faq.ipynb#ref-finn2017maml "Model-Agnostic Meta-Learning")'
    assert written(root, "[see @finn2017maml, 5.1]", home=home) == f"(see [Finn et al., 2017]{maml}, 5.1)"
    assert written(root, "@finn2017maml", home=home) == f"[Finn et al. (2017)]{maml}"
    assert written(root, "- [@finn2017maml]\n", home=home) == f"- {FINN}"


def test_the_bibliography_is_in_order_and_whole(root):
    lines = bibliography(root).splitlines()
    assert lines == [
        f'- <a id="ref-finn2017maml"></a>{FINN}',
        '- <a id="ref-muller1933two"></a>J.-L. A. Müller, N. de Freitas: *Why “So”?* A Journal 2(3–4), 5–6, '
        "1933. [doi:10.1/a(1)](https://doi.org/10.1/a%281%29).",
        '- <a id="ref-vanrijn2001solo"></a>A. van Rijn (editors): *A Book*. A Press, second edition, 2001. '
        "ISBN 978-0-262-18253-9.",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one\n\n+++\n\ntwo [@fin2017maml]", "50_small.md:7: references.bib has no entry 'fin2017maml'"),
        ("so @finn2017mam says", "50_small.md:3: references.bib has no entry 'finn2017mam'"),
        ("- [@finn2018] Section 2.", "50_small.md:3: references.bib has no entry 'finn2018'"),
        ("[@finn2017maml; and more]", "[@finn2017maml; and more] is not a citation: each part has one @key"),
        ("[@finn2017maml @muller1933two]", "is not a citation: each part has one @key"),
    ],
)
def test_an_unknown_or_broken_citation_is_refused_with_its_place(root, text, said):
    with pytest.raises(ChapterError, match=re.escape(said)):
        written(root, text)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("finn2017maml", "finn2016maml", ":3: finn2016maml: its key must be 'finn2017' and one word"),
        ("finn2017maml", "Finn2017maml", ":3: Finn2017maml: its key must be 'finn2017' and one word"),
        ("muller1933two", "muller1933", ":12: muller1933: its key must be"),
        ("  year = {1933},\n", "", ":12: muller1933two: 'year' is missing"),
        ("  volume = {2},\n", "", "'volume' is missing"),
        ("  doi = {10.1/a(1)},\n", "", "it needs an identifier: one of doi, eprint, url, isbn"),
        ("  doi = ", "  dio = ", "'dio' is not a field we know"),
        ("and Levine, Sergey", "and others", "'and others' is none"),
        ("Finn, Chelsea", "Finn", "every author needs a name and a first name"),
        ("@book", "@unpublished", "an entry is one of article, inproceedings"),
        ("vanrijn2001solo", "finn2017maml", "references.bib: repeated bibliography entry"),
        ("booktitle = icml", "booktitle = icnl", "references.bib: "),
        ("  year = {2017},", "  year = {2017", "references.bib: "),
    ],
)
def test_an_incomplete_entry_is_refused(root, old, new, said):
    write(root, BIB.replace(old, new))
    with pytest.raises(ChapterError, match=re.escape(said)):
        references(root)


def test_without_a_file_nothing_is_known(tmp_path):
    assert references(tmp_path) == {} and written(tmp_path, "plain") == "plain"


# The course

# *Finn et al., 2017*, *Snell and Zemel (2021)*, *Finn 等人（2017）*, *Williams 1992*
NAME = r"[A-Z][\w’'-]*[a-z][\w-]*"
BY_HAND = re.compile(
    rf"({NAME})(?: et al\.| 等人|(?:, {NAME})* (?:and|和) {NAME})(?:’s|'s)?[,，]? ?[(（]?((?:19|20)\d\d)\b"
)


def cited():
    return {key for chapter in course() for text in prose(chapter) for key in citations.keys(text)}


def test_the_courses_references_are_complete_and_all_have_an_anchor_of_their_own():
    known = references(ROOT)  # refuses what is incomplete
    assert len(known) > 50
    titles = [re.sub(r"\W", "", each.title).lower() for each in known.values()]
    assert sorted(titles) == sorted(set(titles))
    identifiers = [
        each[field] for each in known.values() for field in ("doi", "eprint", "url") if each[field]
    ]
    assert sorted(identifiers) == sorted(set(identifiers))
    for each in known.values():
        assert re.fullmatch(r"(\d{4}\.\d{4,5})?", each["eprint"]), each.key
        assert re.fullmatch(r"(10\.\d{4,}/\S+)?", each["doi"]), each.key
        assert re.fullmatch(r"(https://\S+)?", each["url"]), each.key
        # what was written in one year is not numbered in arXiv in a later one
        assert not each["eprint"] or int("20" + each["eprint"][:2]) <= int(each["year"]), each.key


def test_no_chapter_cites_what_is_not_there():
    assert cited() - references(ROOT).keys() == set()


def test_no_chapter_cites_by_hand():
    """Names with a year that stand in the prose as they will be read, or a single name that we know."""
    names = {(each.short(), each["year"]) for each in references(ROOT).values()}
    single = {f"{name},? \\(?{year}" for name, year in names if " " not in name}
    by_hand = re.compile("|".join([BY_HAND.pattern, *sorted(single)]))
    for chapter in course():
        for text in prose(chapter):
            assert not (found := by_hand.search(running(text))), (chapter.path, found[0])


def test_no_reference_is_unused():
    """Until the last chapter is there, entries may wait for it."""
    if not has(citations.MARK):
        pytest.skip("no chapter has the bibliography yet: the course is not whole")
    unused = references(ROOT).keys() - cited()
    assert not unused, f"no chapter cites {', '.join(sorted(unused))}: take them out of references.bib"


def test_what_exercises_cite_by_hand_is_there():
    known = {(each.short().split(" ")[0], each["year"]) for each in references(ROOT).values()}
    found = {m.groups() for path in CONTENT for m in BY_HAND.finditer(path.read_text("utf-8"))}
    assert found and found <= known
