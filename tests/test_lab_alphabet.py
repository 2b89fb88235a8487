"""The alphabet laboratory without a browser: its answers against brute force, the board, the file, the
picture, and all the bad input that a learner can make."""

import itertools
import json
import math
import time
from functools import partial

import numpy as np
import pytest
import torch
from readable import check_fast_picture
from torch import nn

from metalib import MAML, ProtoNet, weights
from metalib.data import ImageSet, alphabet_file, drawings
from metalib.data.alphabet import Alphabet, Drawing
from metalib.lab import AlphabetLaboratory
from metalib.lab.alphabet.answers import PIXELS, AlphabetMethod, answer, nearest_neighbour
from metalib.lab.alphabet.laboratory import default_learners
from metalib.lab.alphabet.moves import QUERY
from metalib.lab.alphabet.painter import AlphabetPainter, percent
from metalib.lab.alphabet.picking import picked
from metalib.lab.parts import Buttons
from metalib.models import conv4

TURN = np.linspace(0, 2 * np.pi, 40)
CIRCLE = [np.stack([0.5 + 0.3 * np.cos(TURN), 0.5 + 0.3 * np.sin(TURN)], axis=1).tolist()]
OVAL = [np.stack([0.4 + 0.2 * np.cos(TURN), 0.5 + 0.25 * np.sin(TURN)], axis=1).tolist()]
CROSS = [[[0.2, 0.2], [0.8, 0.8]], [[0.8, 0.2], [0.2, 0.8]]]
LINE = [[[0.1, 0.5], [0.9, 0.5]]]


def maml(ways, seed=0):
    model = conv4(
        8,
        norm="batch-statistics",
        downsample="stride",
        ways=ways,
        generator=torch.Generator().manual_seed(seed),
    )
    return MAML(model, alpha=0.3)


def protonet():
    return ProtoNet(conv4(8, downsample="stride", generator=torch.Generator().manual_seed(1)))


@pytest.fixture(scope="module")
def images():
    """Two scripts of six characters with four drawings each; characters are random, their drawings alike."""
    generator = torch.Generator().manual_seed(0)
    base = torch.randint(0, 256, (12, 1, 1, 28, 28), generator=generator, dtype=torch.uint8)
    drawn = base.repeat(1, 4, 1, 1, 1)
    drawn[:, :, 0, 0, 0] = torch.arange(4, dtype=torch.uint8)
    names = [f"north/n{i}" for i in range(6)] + [f"south/s{i}" for i in range(6)]
    return ImageSet(drawn, names, ["north"] * 6 + ["south"] * 6, "toy")


@pytest.fixture
def lab(images):
    return AlphabetLaboratory({"ProtoNet": protonet(), "MAML": [maml(5), maml(8)]}, images, ways=3, shots=2)


@pytest.fixture
def empty(images):
    return AlphabetLaboratory({"ProtoNet": protonet(), "MAML": maml(5)}, images, ways=0)


@pytest.fixture(scope="module")
def episode(images):
    """Support (6, 28, 28), labels, query."""
    support = images.images[[0, 0, 4, 7, 7, 7], [0, 1, 0, 0, 1, 2], 0].numpy()
    return support, (0, 0, 1, 2, 2, 2), images.images[7, 3, 0].numpy()


def button(lab, name):
    """The button of that name, wherever it stands."""
    rows = [part.buttons for part in lab.parts if isinstance(part, Buttons)]
    return next(row[name] for row in rows if name in row)


def said(lab):
    """The words above the picture: (title, note) of each panel."""
    return [(panel["title"], panel["note"]) for panel in lab.surface.words]


def x(pictures):
    return torch.tensor(np.asarray(pictures), dtype=torch.float32).unsqueeze(-3) / 255


# --- the pure function
def test_protonet_answers_as_the_formula_says(episode):
    support, labels, query = episode
    learner = protonet().eval()
    (given, _pixels) = answer([AlphabetMethod("P", [learner])], support, labels, query)
    with torch.no_grad():
        embed = partial(lambda picture: learner.encoder(x(picture)[None])[0])
        prototypes = [
            torch.stack([embed(s) for s, y in zip(support, labels, strict=True) if y == c]).mean(0)
            for c in range(3)
        ]
        scores = [math.exp(-float((embed(query) - p).double().square().sum())) for p in prototypes]
    np.testing.assert_allclose(given.probabilities, np.array(scores) / sum(scores), rtol=1e-3)
    assert given.method == "P" and given.chosen == int(np.argmax(scores))


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_maml_answers_as_gradient_descent_by_hand_with_the_query_alone(episode, steps):
    support, labels, query = episode
    learner = maml(5)
    (given, _pixels) = answer([AlphabetMethod("M", [learner])], support, labels, query, steps)
    model, y = learner.model, torch.tensor(labels)
    values = {name: value.clone().requires_grad_() for name, value in model.named_parameters()}
    for _step in range(steps):
        loss = nn.functional.cross_entropy(torch.func.functional_call(model, values, (x(support),)), y)
        gradients = torch.autograd.grad(loss, list(values.values()))
        values = {
            name: (value - 0.3 * g).detach().requires_grad_()
            for (name, value), g in zip(values.items(), gradients, strict=True)
        }
    beside = torch.cat([x(support), x(query)[None]])  # normalised together with the support set
    logits = torch.func.functional_call(model, values, (beside,))[-1, :3]
    np.testing.assert_allclose(given.probabilities, logits.double().softmax(0).detach(), rtol=2e-3, atol=1e-5)
    assert learner.transductive, "the learner that was given stays as it is"


def test_the_nearest_neighbour_is_the_nearest(episode):
    support, labels, query = episode
    given = nearest_neighbour(support, labels, query)
    distances = [((s / 255.0 - query / 255.0) ** 2).sum() for s in support]
    assert given.nearest == int(np.argmin(distances)) and given.chosen == labels[given.nearest] == 2
    least = [min(d for d, y in zip(distances, labels, strict=True) if y == c) for c in range(3)]
    wanted = np.exp(-np.array(least) + min(least))
    np.testing.assert_allclose(given.probabilities, wanted / wanted.sum())
    same = nearest_neighbour(support, labels, support[2])
    assert same.nearest == 2 and same.chosen == 1


def test_the_smallest_head_with_room_is_asked(images):
    method = AlphabetMethod("M", [maml(8), maml(5)])
    assert [method.fitting(ways).model[-1].out_features for ways in (2, 5, 6, 8)] == [5, 5, 8, 8]
    with pytest.raises(ValueError, match="8 outputs: it tells 8 classes apart at most, and here are 9"):
        method.fitting(9)
    support = images.images[:9, 0, 0].numpy()
    given = answer([method, AlphabetMethod("P", [protonet()])], support, range(9), support[3])
    assert given[0].chosen is None and "here are 9." in given[0].refusal
    assert given[1].chosen == 3 and given[1].probabilities.shape == (9,)
    assert not AlphabetMethod("P", [protonet()]).takes_steps and method.takes_steps


def test_what_cannot_be_answered_is_said(episode):
    support, _labels, query = episode
    with pytest.raises(ValueError, match="nothing to compare the query with"):
        answer([], support[:0], (), query)
    with pytest.raises(ValueError, match="With one class only there is nothing to decide"):
        answer([], support, (0,) * 6, query)
    with pytest.raises(ValueError, match=r"MAML cannot read images of the shape \(1, 28, 28\)"):
        AlphabetMethod("M", [MAML(nn.Sequential(nn.Flatten(), nn.Linear(9, 5)))])
    wild = MAML(conv4(8, norm=None, downsample="stride", ways=5), alpha=1e30)
    given = answer([AlphabetMethod("M", [wild])], support, (0, 0, 1, 1, 2, 2), query, steps=5)
    assert given[0].chosen is None and "not finite" in given[0].refusal


def test_it_adapts_once_for_one_support_set(episode):
    support, labels, query = episode
    method, calls = AlphabetMethod("M", [maml(5)]), []
    learner = method.learners[0][1]
    inner = learner.adapt
    object.__setattr__(learner, "adapt", lambda *a, **k: calls.append(1) or inner(*a, **k))
    first, again = (answer([method], support, labels, asked, 2)[0] for asked in (query, support[0]))
    assert len(calls) == 1 and (first.probabilities != again.probabilities).any()
    answer([method], support, labels, query, 3)
    answer([method], support[:5], labels[:5], query, 3)
    assert len(calls) == 3
    (fresh, _pixels) = answer([AlphabetMethod("M", [maml(5)])], support, labels, query, 2)
    np.testing.assert_array_equal(first.probabilities, fresh.probabilities)


# --- the board
def test_examples_lie_class_by_class_and_labels_have_no_gaps():
    a, b, c = (Drawing.of(strokes) for strokes in (CIRCLE, CROSS, LINE))
    board = Alphabet().add(7, a).add(2, b).add(7, c)
    assert [label for label, _one in board.examples] == [2, 7, 7] and board.classes == (2, 7)
    assert board.labels == (0, 1, 1) and board.of_class(7) == (a, c)
    assert (board.support == np.stack([b.picture, a.picture, c.picture])).all()
    assert board.remove(0).classes == (7,)
    for label in (0, 11, True, "3", None):
        with pytest.raises(ValueError, match="There is room for 10 classes, 1 to 10"):
            board.add(label, a)
    for _n in range(3):
        board = board.add(7, a)
    with pytest.raises(ValueError, match="Class 7 has 5 examples already"):
        board.add(7, a)
    for index in (None, -1, 6):
        with pytest.raises(ValueError, match="There is no example to remove."):
            board.remove(index)


def test_the_pad_draws_for_a_class_and_then_the_query(empty):
    lab = empty
    assert lab.state.target == 1 and "The board is empty." in lab.surface.alt
    lab.write_strokes(CIRCLE)
    assert lab.alphabet == Alphabet() and lab.result.pending == Drawing.of(CIRCLE)
    lab.add()
    assert lab.pad.strokes == [] and lab.alphabet.of_class(1) == (Drawing.of(CIRCLE),)
    lab.set(target=2)
    assert button(lab, "add").description == "add to class 2" and "For class 2" in lab.surface.message
    lab.write_strokes(CROSS[:1])
    lab.write_strokes(CROSS)
    button(lab, "undo").click()
    assert lab.result.pending == Drawing.of(CROSS[:1])
    lab.write_strokes(CROSS)
    lab.add()
    lab.set(target=QUERY)
    lab.write_strokes(OVAL)
    assert lab.alphabet.query == Drawing.of(OVAL) and len(lab.result.answers) == 3
    assert lab.result.answers[-1].chosen == 0  # the pixels of a circle and of an oval are near
    assert "nearest pixels: class 1 (1:" in lab.surface.alt
    lab.set(target=2)
    assert lab.pad.strokes == [] and lab.alphabet.query == Drawing.of(OVAL), "the query stays"
    lab.set(target=QUERY)
    assert lab.pad.strokes == [[list(point) for point in stroke] for stroke in Drawing.of(OVAL).strokes]
    lab.add()
    assert lab.alphabet.query is None and lab.pad.strokes == [] and "There is no query." in lab.surface.alt


def test_a_drawing_under_way_goes_along_to_the_query(empty):
    for by in ("python", "browser"):
        empty.start_again()
        empty.write_strokes(LINE)
        drawn = []
        empty.surface.observe(lambda change, drawn=drawn: drawn.append(1), "alt")
        if by == "python":
            empty.set(target=QUERY)
        else:
            empty.controls["target"].value = QUERY
        assert empty.alphabet.query == Drawing.of(LINE) and empty.result.pending is None and drawn == [1]
        assert empty.pad.strokes == [[list(point) for point in stroke] for stroke in LINE]


def test_clear_remove_and_start_again(lab):
    lab.clear()
    assert lab.alphabet.query is None and len(lab.alphabet.examples) == 6
    lab.surface.key("ArrowRight")
    lab.surface.key("ArrowRight")
    assert lab.state.cursor == 1 and "You point at example 2 of class 1." in lab.surface.alt
    second = lab.alphabet.examples[1]
    lab.surface.key("Delete")
    assert second not in lab.alphabet.examples and lab.state.cursor == 1, "the next one is pointed at"
    lab.surface.key("Escape")
    lab.surface.key("ArrowLeft")
    assert lab.state.cursor == 4
    lab.surface.key("Escape")
    lab.set(target=2)
    lab.remove()  # the last one of the class that is drawn for
    assert len(lab.alphabet.of_class(2)) == 1 and len(lab.alphabet.of_class(3)) == 2
    lab.remove()
    with pytest.raises(ValueError, match="Class 2 has no example: point at one of another class"):
        lab.remove()
    lab.start_again()
    assert lab.alphabet == Alphabet() and lab.state.target == 1
    with pytest.raises(ValueError, match="There is no example to remove."):
        lab.remove()


def test_delete_goes_on_as_long_as_there_is_an_example(lab):
    """Also where the class that is drawn for has none: what is pointed at goes, wherever it is."""
    lab.set(target=9)
    for first in (0, 5):
        lab.set(cursor=first)
        for left in (5, 4, 3, 2, 1, 0):
            lab.surface.key("Delete")
            assert len(lab.alphabet.examples) == left and not lab.surface.failed
            assert lab.state.cursor == (min(first, left - 1) if left else None)
        with pytest.raises(ValueError, match="There is no example to remove."):
            lab.surface.key("Delete")
        for label in (1, 2, 3, 1, 2, 3):
            lab.set(target=label)
            lab.pick(label)
        lab.set(target=9)


def test_picking_takes_the_next_drawing_and_never_one_twice(empty, images):
    lab = empty
    for n in range(3):
        lab.pick(7)
        assert (lab.alphabet.of_class(1)[n].picture == images.images[7, n, 0].numpy()).all()
    lab.set(target=QUERY)
    lab.pick(7)
    assert lab.alphabet.query.source == "south/s1, drawing 4"
    with pytest.raises(ValueError, match="All 4 drawings of south/s1 are on the board."):
        lab.pick(7)
    with pytest.raises(IndexError, match="there are 12 classes"):
        lab.pick(12)
    lab.controls["script"].value = "south"
    assert [name for name, _n in lab.controls["character"].options] == [f"s{i}" for i in range(6)]
    lab.controls["character"].value = 9
    lab.set(target=2)
    lab.write_strokes(LINE)
    button(lab, "pick").click()
    assert lab.alphabet.of_class(2)[0].source == "south/s3, drawing 1"
    assert lab.state.strokes, "what was on the pad stays there"


def test_it_begins_with_an_episode(images, empty):
    lab = AlphabetLaboratory({"ProtoNet": protonet()}, images, ways=4, shots=3, draw=2)
    assert lab.alphabet.labels == (0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3) and lab.alphabet.query is not None
    sources = [one.source for _label, one in lab.alphabet.examples]
    assert len({*sources, lab.alphabet.query.source}) == 13
    assert lab.result.answers[-1].probabilities.shape == (4,)
    other = AlphabetLaboratory({"ProtoNet": protonet()}, images, ways=4, shots=3, draw=3)
    assert other.alphabet != lab.alphabet
    assert "These come from the data set" in lab.surface.message
    lab.start_again()
    assert lab.surface.message == empty.surface.message and "come from" not in lab.surface.message


def test_a_folder_of_images_can_be_picked_from(tmp_path):
    from PIL import Image

    for name in ("ring", "bar"):
        (tmp_path / name).mkdir()
        for n, strokes in enumerate((CIRCLE, OVAL) if name == "ring" else (LINE, CROSS)):
            Image.fromarray(255 - drawings.from_strokes(strokes)).save(tmp_path / name / f"{n}.png")
    lab = AlphabetLaboratory({"ProtoNet": protonet()}, tmp_path, ways=2)
    assert lab.images.names == ("bar", "ring") and len(lab.alphabet.examples) == 2
    colour = ImageSet(torch.zeros(2, 2, 3, 28, 28, dtype=torch.uint8), ["a", "b"], ["x", "x"])
    with pytest.raises(ValueError, match=r"must have the shape \(1, 28, 28\), but theirs is \(3, 28, 28\)"):
        AlphabetLaboratory({"ProtoNet": protonet()}, colour)
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        AlphabetLaboratory({"ProtoNet": protonet()}, tmp_path / "none")


# --- bad input
def test_what_a_learner_can_do_wrong_gets_one_sentence_and_breaks_nothing(empty):
    lab, notice = empty, empty.surface
    assert notice.message == "For class 1: draw, then add it (Enter); or use a drawing of the data set."
    before = lab.surface.picture
    for act, said in (
        (lab.add, "The drawing is empty: draw at least one stroke."),
        (lab.remove, "There is no example to remove."),
        (lambda: lab.load("nowhere.json"), "There is no file nowhere.json."),
        (lambda: lab.set(target=11), "target must be one of 0, 1"),
    ):
        with pytest.raises((ValueError, OSError), match=said):
            act()
        assert lab.surface.picture == before
    button(lab, "add").click()
    assert notice.message == "The drawing is empty: draw at least one stroke." and notice.failed
    lab.files.box.value = "nowhere.json"
    button(lab, "load").click()
    assert notice.message == "There is no file nowhere.json." and notice.failed
    lab.set(target=QUERY)
    assert notice.message == "The query: it is answered as you draw.", "the next picture clears it"
    lab.write_strokes(CIRCLE)  # a query before any support
    assert "There is nothing to compare the query with" in notice.message and not notice.failed
    assert lab.result.answers == () and lab.result.problem in lab.surface.alt
    lab.set(target=4)
    lab.write_strokes(LINE)
    lab.add()
    assert "With one class only there is nothing to decide" in notice.message
    assert lab.surface.picture != before
    with pytest.raises(ValueError, match="A stroke must be a list of points"):
        lab.write_strokes([[[0.5, math.nan]]])
    assert notice.failed and lab.pad.strokes == [], "what was refused is off the paper"


def test_more_than_fits_is_refused(images):
    with pytest.raises(ValueError, match="room for 10 classes"):
        AlphabetLaboratory({"P": protonet()}, images, ways=0).alphabet.add(11, Drawing.of(LINE))
    with pytest.raises(ValueError, match="There is room for 10 ways and 5 shots, not for 11 and 1."):
        AlphabetLaboratory({"P": protonet()}, images, ways=11)
    with pytest.raises(ValueError, match="need 5 drawings a class, but there are 4"):
        AlphabetLaboratory({"P": protonet()}, images, ways=5, shots=4)
    with pytest.raises(ValueError, match="learners must name at least one"):
        AlphabetLaboratory({}, images)
    with pytest.raises(FileNotFoundError, match="There are no weights 'glyphs-wonder'"):
        AlphabetLaboratory({"P": "glyphs-wonder"}, images)


# --- the file
def test_a_saved_board_comes_back_as_it_was(lab, tmp_path):
    lab.set(target=5)
    lab.write_strokes(CROSS)
    lab.add()
    lab.set(target=QUERY)
    lab.write_strokes([[[0.123456789, 0.2], [0.7, 1 / 3]]])
    path = lab.save(tmp_path / "mine")
    assert path == tmp_path / "mine.json" and lab.surface.message == f"Saved as {path}."
    before, answers = lab.alphabet, [one.probabilities for one in lab.result.answers]
    lab.start_again()
    lab.load(tmp_path / "mine")
    assert lab.alphabet == before and lab.state.target == QUERY and lab.pad.strokes
    for old, new in zip(answers, lab.result.answers, strict=True):
        np.testing.assert_array_equal(old, new.probabilities)
    lab.save(path)  # over itself
    written = json.loads(path.read_text("utf-8"))
    assert written["format"] == "metalib alphabet" and written["examples"][-1]["class"] == 5


def test_another_alphabet_is_not_written_over(lab, images, tmp_path):
    """A fresh laboratory shows the data set; "save", with the name that stands there, must lose nothing."""
    path = lab.save(tmp_path / "mine")
    yesterday = path.read_bytes()
    fresh = AlphabetLaboratory({"P": ProtoNet(nn.Flatten())}, images, ways=2)
    for name in (path, tmp_path / "mine", f"{tmp_path}/./mine.json"):
        with pytest.raises(ValueError, match="mine.json holds another alphabet: it stays; load it first"):
            fresh.save(name)
    assert path.read_bytes() == yesterday
    lab.start_again()
    with pytest.raises(ValueError, match="The board is empty: there is nothing to save"):
        lab.save(path)
    fresh.load(path)
    fresh.set(target=5)
    fresh.write_strokes(CROSS)
    fresh.add()
    assert fresh.save(path).read_bytes() != yesterday, "what was loaded here may be gone on with"
    with pytest.raises(ValueError, match="holds another alphabet"):
        alphabet_file.write(alphabet_file.read(path).remove(0), path)
    assert alphabet_file.write(fresh.alphabet, path) == path, "the same again is no loss"


def test_no_other_file_is_written_over(lab, tmp_path):
    notebook, settings = tmp_path / "work.ipynb", tmp_path / "settings.json"
    for path in (notebook, settings):
        path.write_text('{"cells": []}', "utf-8")
    (tmp_path / "folder.json").mkdir()
    for path in (settings, tmp_path / "folder.json"):
        with pytest.raises(ValueError, match="is there already and is not a saved alphabet: it stays"):
            lab.save(path)
    assert lab.save(notebook) == tmp_path / "work.ipynb.json"
    assert {path.read_text("utf-8") for path in (notebook, settings)} == {'{"cells": []}'}


@pytest.mark.parametrize(
    "name, said",
    [
        ("", "A file needs a name, such as my_alphabet.json"),
        ("   ", "A file needs a name"),
        ("..", "A file needs a name"),
        ("a" * 300, "is too long: 305 bytes, and 200 is the most"),
        ("字" * 80, "is too long: 245 bytes"),
        ("what?", r"cannot hold '\?'"),
        ("a\0b", "cannot hold '"),
        (r"C:\new\mine", "cannot hold ':' '"),
        ("line\nbreak", "cannot hold"),
        ("{folder}/new/mine", "There is no folder .*new: make it first"),
    ],
)
def test_names_that_no_file_should_have_get_one_sentence(lab, tmp_path, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    name = name.format(folder=tmp_path)
    with pytest.raises(ValueError, match=said) as error:
        lab.save(name)
    assert "\n" not in str(error.value).rstrip()
    lab.files.box.value = name
    for action in ("save", "load"):
        button(lab, action).click()
        assert lab.surface.failed and lab.surface.message.count(". ") <= 1
    assert list(tmp_path.iterdir()) == [], "no folder was made, nor any file"


@pytest.mark.parametrize("name", ["мой алфавит", " 我的字母 ", "version 1.2", "Größe.JSON", "~odd"])
def test_names_in_every_script_are_fine(lab, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    lab.files.box.value = name
    button(lab, "save").click()
    (path,) = tmp_path.iterdir()
    assert (
        not lab.surface.failed and path.name.lower() == f"{name.strip().removesuffix('.JSON')}.json".lower()
    )
    before = lab.alphabet
    lab.start_again()
    button(lab, "load").click()
    assert lab.alphabet == before


GOOD = {"strokes": LINE}
PICTURE = {"pixels": "AAAA" * 261 + "AA==", "source": "made"}  # 784 bytes in base64


def file(**changes):
    example = {"class": 1, **GOOD}
    return {"format": "metalib alphabet", "version": 1, "examples": [example], "query": None, **changes}


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "not JSON, or it was cut short"),
        (b"\xff\xfe\x00", "not JSON"),
        (json.dumps(file()).encode()[:-9], "not JSON, or it was cut short"),
        (b"[" * 100_000, "not JSON"),
        (b"[1, 2]", '"format" is not'),
        ({"format": "other"}, '"format" is not "metalib alphabet"'),
        (file(version=2), "version 2, and this metalib reads version 1"),
        (file(examples=5), '"examples" are not a list'),
        (file(examples=["a"]), '"examples" are not a list'),
        (file(examples=[{"class": 11, **GOOD}]), "room for 10 classes"),
        (file(examples=[{"class": "1", **GOOD}]), "room for 10 classes"),
        (file(examples=[{"class": 3, **GOOD}] * 6), "Class 3 has 5 examples already"),
        (file(examples=[{"class": 1}]), "example 1 has neither good strokes nor 28 × 28 pixels"),
        (file(examples=[{"class": 1, "strokes": [[[0, "x"]]]}]), "example 1 has neither"),
        (file(query={"strokes": [[[float("nan"), 0]]]}), "the query has neither"),
        (file(query={"strokes": [[[0, 0]] * 30_000]}), "the query has neither"),
        (file(query={"strokes": 7}), "the query has neither"),
        (file(query={"strokes": []}), "the query has neither"),
        (file(query=[]), "the query has neither"),
        (file(query={**PICTURE, "pixels": "AAAA"}), "the query has neither"),
        (file(query={**PICTURE, "pixels": "?" * 1048}), "the query has neither"),
        (file(query={**PICTURE, "source": 5}), "the query has neither"),
    ],
)
def test_rubbish_is_refused_in_one_sentence(tmp_path, content, said):
    path = tmp_path / "rubbish.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(ValueError, match=r"rubbish.json is not a saved alphabet: .*" + said) as error:
        alphabet_file.read(path)
    assert len(str(error.value)) < len(str(path)) + 160 and "\n" not in str(error.value)


def test_rubbish_leaves_the_board_as_it_was(lab, tmp_path):
    before = lab.alphabet, lab.surface.picture
    (tmp_path / "rubbish.json").write_text(json.dumps(file(examples=[{"class": 11, **GOOD}])), "utf-8")
    with pytest.raises(ValueError, match="room for 10 classes"):
        lab.load(tmp_path / "rubbish.json")
    assert (lab.alphabet, lab.surface.picture) == before


def test_good_files_and_a_huge_one(tmp_path):
    board = alphabet_file.parse(json.dumps(file(query=PICTURE)).encode())
    assert board.query.pixels == bytes(784) and board.classes == (1,)
    with open(tmp_path / "huge.json", "wb") as huge:
        huge.truncate(alphabet_file.LARGEST + 1)
    with pytest.raises(ValueError, match="has 2000001 bytes; a saved alphabet has 2000000 at most"):
        alphabet_file.read(tmp_path / "huge.json")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        alphabet_file.read(tmp_path)


def test_a_full_board_of_long_strokes_is_a_small_file(tmp_path):
    drawn = Drawing.of([np.random.default_rng(0).random((300, 2)).tolist()])
    board = Alphabet(tuple((label, drawn) for label in range(1, 11) for _n in range(5)))
    assert alphabet_file.write(board, tmp_path / "full.json").stat().st_size < alphabet_file.LARGEST / 4
    few = Alphabet(board.examples[:4], drawn)
    assert alphabet_file.read(alphabet_file.write(few, tmp_path / "few.json")) == few


# --- the picture
def states(lab):
    """States of every kind, by name: the laboratory shows each."""
    yield "an episode"
    lab.set(cursor=4)
    yield "pointed at"
    lab.set(target=7)
    lab.write_strokes(CROSS)
    yield "under way"
    board = lab.alphabet
    for label in range(4, 11):
        board = board.add(label, picked(lab.images, label, 0))
    lab.set(alphabet=board, target=10)
    yield "ten classes, which no head has room for"
    lab.set(target=QUERY)
    lab.clear()
    yield "no query"
    lab.start_again()
    yield "nothing"
    lab.set(target=QUERY)
    lab.write_strokes(LINE)
    yield "no support"


def test_fast_picture_equals_the_full_one_and_renews_no_background(lab):
    background, seen = lab.painter.ground, 0
    for _name in states(lab):
        check_fast_picture(lab.painter, lab.state, lab.result)
        seen += 1
    assert seen == 7 and lab.painter.ground is background


def test_no_text_is_small_cut_off_or_over_another(lab):
    for name in states(lab):
        figure = lab.painter.full(lab.state, lab.result)
        texts = [text for text in figure.axes[0].texts if text.get_text() and text.get_visible()]
        assert all(text.get_fontsize() >= 12 for text in texts), name
        boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
        for words, box in boxes:
            assert box.x0 >= 0 and box.x1 <= 1000 and box.y0 >= 0 and box.y1 <= lab.painter.height, words
        for (words, box), (others, other) in itertools.combinations(boxes, 2):
            assert not box.overlaps(other), (name, words, others)
        lines = [float(line.get_xdata()[0]) for line in figure.axes[0].lines]
        for words, box in boxes:
            assert not any(box.x0 < x < box.x1 for x in lines), (name, words)


def test_bars_are_as_long_as_the_probabilities(lab):
    painter = lab.painter
    for bars, given in zip(painter.bars, lab.result.answers, strict=True):
        long = [np.ptp(path.vertices[:, 0]) for path in bars.get_paths()]
        assert long == pytest.approx(np.maximum((painter.column - 14 - 82) * given.probabilities, 1.5))
    lab.set(alphabet=Alphabet(lab.alphabet.examples))
    assert not any(bars.get_paths() for bars in painter.bars)


@pytest.mark.parametrize("ours", [None, "ours", "the network that I have trained for an hour"])
def test_each_method_has_its_words_above_its_column(images, ours):
    learners = {"ProtoNet": protonet(), "MAML": maml(5), **({ours: protonet()} if ours else {})}
    lab = AlphabetLaboratory(learners, images, ways=3)
    titles, notes = zip(*said(lab), strict=True)
    assert titles == ("the query", "ProtoNet", "MAML, 3 steps", *([ours] if ours else []), "nearest pixels")
    for note, given in zip(notes[1:], lab.result.answers, strict=True):
        assert note == f"class {given.chosen + 1}: {percent(given.probabilities[given.chosen])}"
    for panel, left in zip(lab.surface.words[1:], lab.painter.lefts, strict=True):
        assert panel["left"] == pytest.approx(left / 1000, abs=1e-3)
        assert panel["right"] < (left + lab.painter.column) / 1000
    lab.clear()
    assert [note for _title, note in said(lab)] == ["none yet", *["–"] * (len(learners) + 1)]


def test_a_click_finds_what_is_there(lab):
    painter = lab.painter

    def click(px, py):
        lab.surface.pointer("down", px / painter.width, py / painter.height, pressed=True)

    def click_tile(label, column):
        left, top, size = painter.tile(lab.state, label, column)
        click(left + size / 2, top + size / 2)

    for n, place in enumerate([(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]):
        click_tile(*place)
        assert lab.state.cursor == n
    click_tile(2, 4)  # an empty place chooses its class
    assert lab.state.target == 2
    click(100, 50)
    assert lab.state.target == QUERY
    click(20, painter.middle(lab.state, 1))
    assert lab.state.target == 1
    for point in ((500, 50), (100, painter.height - 2)):
        click(*point)
        assert lab.state.target == 1
    lab.surface.pointer("move", 0.1, 0.1, pressed=True)
    assert lab.state.target == 1


def test_keys_choose_the_target_and_commit_drawings(empty):
    lab = empty
    lab.pad.key("3")
    assert lab.state.target == 3
    lab.write_strokes(CIRCLE)
    lab.pad.key("Enter")
    assert lab.alphabet.classes == (3,)
    lab.surface.key("0")
    assert lab.state.target == 10
    lab.write_strokes(CIRCLE)
    lab.pad.key("Delete")
    assert lab.pad.strokes == [] and lab.result.pending is None
    lab.pad.key("Enter")
    assert "The drawing is empty" in lab.surface.message and lab.surface.failed
    lab.surface.key("Home")
    assert lab.state.target == QUERY


def test_words_and_percentages(lab):
    words = lab.surface.alt
    assert "Examples: class 1: " in words and "MAML, 3 steps: class" in words
    for given in lab.result.answers:
        assert percent(given.probabilities[given.chosen]) in words
    assert [percent(p) for p in (0, 1e-12, 0.004, 0.25, 0.994, 0.9999, 1)] == [
        *("0 %", "0 %", "< 1 %", "25 %", "99 %", "> 99 %", "100 %")
    ]
    board = lab.alphabet
    for label in range(4, 10):
        board = board.add(label, picked(lab.images, label, 0))
    lab.set(alphabet=board)
    assert "MAML, 3 steps gives no answer: Its head has 8 outputs" in lab.surface.alt
    assert (
        said(lab)[2] == ("MAML, 3 steps", "no answer") and "MAML gives no answer: Its" in lab.surface.message
    )
    alone = AlphabetPainter({"ProtoNet": False})
    assert [*alone.methods] == ["ProtoNet", PIXELS] and alone.column > 300


# --- what is shipped
def test_the_default_learners_are_what_is_there():
    assert default_learners(["glyphs-protonet", "glyphs-maml", "omniglot-maml"]) == {
        "ProtoNet": "glyphs-protonet",
        "MAML": ["glyphs-maml"],
    }
    names = ["omniglot-protonet", "omniglot-maml", "omniglot-maml-20way", "glyphs-maml"]
    assert default_learners(names)["MAML"] == ["omniglot-maml", "omniglot-maml-20way"]
    assert set(default_learners(weights.names())) == {"ProtoNet", "MAML"}


@pytest.mark.slow
def test_the_shipped_learners_know_circles_from_crosses_and_answer_at_once():
    lab = AlphabetLaboratory(ways=0)
    for label, strokes in enumerate((CIRCLE, CROSS, LINE), 1):
        lab.set(target=label)
        lab.write_strokes(strokes)
        lab.add()
    lab.set(target=QUERY)
    leaning = [[[0.25, 0.1], [0.6, 0.9]], [[0.75, 0.3], [0.15, 0.6]]]
    for strokes, wanted in ((OVAL, 0), (leaning, 1), ([[[0.1, 0.45], [0.9, 0.55]]], 2)):
        lab.write_strokes(strokes)
        assert lab.result.answers[0].chosen == wanted and lab.result.answers[1].chosen == wanted
    spent = []
    for n in range(6):
        begun = time.process_time()
        lab.write_strokes(CROSS if n % 2 else CIRCLE)
        spent.append(time.process_time() - begun)
    assert min(spent) < 0.1, "seconds of computing for one answer"
