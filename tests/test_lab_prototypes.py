"""The prototype laboratory without a browser: its answers against metalib's ProtoNet, its plane against a
singular value decomposition, its regions against brute force, its picture, the pointer and the keys."""

import numpy as np
import pytest
import torch
from matplotlib.path import Path
from torch import nn

import metalib
from metalib.data import ImageSet
from metalib.lab.prototypes.episode import cut, deal, embed, frame, judge, lay_plane, regions
from metalib.lab.prototypes.laboratory import PrototypeLaboratory, image_sets
from metalib.lab.prototypes.picture import PrototypePicture
from metalib.learners.metric import DISTANCES
from metalib.models import conv4


def drawings(classes=8, each=20, alphabets=None, seed=0):
    """Random pictures, 28 × 28; each class is a pattern with noise."""
    generator = torch.Generator().manual_seed(seed)
    pattern = torch.randint(0, 200, (classes, 1, 1, 28, 28), generator=generator)
    noise = torch.randint(0, 56, (classes, each, 1, 28, 28), generator=generator)
    names = [f"class {n}" for n in range(classes)]
    return ImageSet((pattern + noise).to(torch.uint8), names, alphabets or ["a"] * classes, "noise")


IMAGES = drawings()
ENCODER = conv4(8, downsample="stride").eval()


def explored(distance="squared_euclidean", shots=3, encoder=ENCODER):
    dealt = deal(IMAGES, 5, shots, 4, 0)
    return judge(dealt, embed(encoder, dealt), "an embedding", distance, (0, 0))


@pytest.fixture(scope="module")
def lab():
    made = PrototypeLaboratory({"pixels": nn.Flatten(), "network": ENCODER}, IMAGES, shots=2, queries=3)
    made.home = made.state
    return made


@pytest.fixture(autouse=True)
def as_it_began(request):
    if "lab" in request.fixturenames:
        lab = request.getfixturevalue("lab")
        lab.set(**lab.home)


@pytest.mark.parametrize("distance", DISTANCES)
def test_answers_and_distances_are_protonets(distance):
    result = explored(distance)
    batch = result.dealt.batch
    learner = metalib.ProtoNet(ENCODER, distance).eval()
    with torch.no_grad():
        logits = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)[0]
    np.testing.assert_allclose(-logits.numpy(), result.distances.reshape(20, 5), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(logits.argmax(-1).numpy(), result.answers.flatten())
    correct = (logits.argmax(-1) == batch.query_y[0]).double().mean().item()
    assert result.accuracy == pytest.approx(correct)
    for truth in range(5):
        for answer in range(5):
            assert result.confusion[truth, answer] == (result.answers[truth] == answer).sum()


def test_prototypes_are_means_and_everything_is_projected_alike():
    result = explored()
    np.testing.assert_allclose(result.prototypes, result.support.mean(axis=1), atol=1e-9)
    one = explored(shots=1)
    np.testing.assert_allclose(one.prototypes, one.support[:, 0])


@pytest.mark.parametrize("encoder", [ENCODER, nn.Flatten()], ids=["32 numbers", "784 numbers"])
def test_the_plane_is_that_of_a_principal_component_analysis(encoder):
    dealt = deal(IMAGES, 5, 3, 4, 0)
    support, query = embed(encoder, dealt)
    points = np.concatenate([support, query], axis=1).reshape(35, -1)
    plane = lay_plane(points, support.mean(axis=1))
    _u, spread, axes = np.linalg.svd(points - points.mean(0))
    np.testing.assert_allclose(np.abs(plane.axes @ axes[:2].T), np.eye(2), atol=1e-6)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-8)
    assert plane.share == pytest.approx((spread[:2] ** 2).sum() / (spread**2).sum())
    assert (plane.coordinates(support.mean(axis=1)[0]) >= 0).all()


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("draw", range(3))
def test_regions_are_those_of_the_nearest_prototype_in_all_dimensions(distance, draw):
    dealt = deal(IMAGES, 6, 2, 3, draw)
    support, query = embed(ENCODER, dealt)
    prototypes = support.mean(axis=1)
    points = np.concatenate([support, query], axis=1).reshape(-1, support.shape[-1])
    plane = lay_plane(points, prototypes)
    window = frame(plane.coordinates(points))
    polygons = regions(plane, prototypes, distance, window)
    left, right, bottom, top = window
    random = np.random.default_rng(draw)
    t = random.uniform((left, bottom), (right, top), (200, 2))
    full = torch.from_numpy(plane.centre + t @ plane.axes)[None]
    away = DISTANCES[distance](full, torch.from_numpy(prototypes)[None])[0].sort(dim=-1)
    clear = (away.values[:, 1] - away.values[:, 0] > 1e-6).numpy()
    assert clear.sum() > 150
    for point, nearest in zip(t[clear], away.indices[:, 0].numpy()[clear], strict=True):
        inside = [len(p) > 2 and Path(p).contains_point(point) for p in polygons]
        assert inside.index(True) == nearest and sum(inside) == 1
    assert right - left == pytest.approx(1.2 * (top - bottom))


def test_cutting_a_square():
    square = np.array([(0.0, 0), (1, 0), (1, 1), (0, 1)])
    half = cut(square, np.array([1.0, 0]), -0.5)  # x ≥ 0.5
    assert {tuple(corner) for corner in half} == {(0.5, 0), (1, 0), (1, 1), (0.5, 1)}
    assert len(cut(square, np.array([1.0, 0]), -2)) == 0
    assert len(cut(np.zeros((0, 2)), np.array([1.0, 0]), 1)) == 0


def test_one_shot_or_class_more_leaves_the_rest_as_it_was():
    small, large = deal(IMAGES, 3, 2, 2, 7), deal(IMAGES, 5, 4, 3, 7)
    assert small.names == large.names[:3] and len(set(large.names)) == 5
    np.testing.assert_array_equal(small.support, large.support[:3, :2])
    np.testing.assert_array_equal(small.query, large.query[:3, :2])
    for c in range(5):
        both = np.concatenate([large.support[c], large.query[c]])
        assert len({picture.tobytes() for picture in both}) == 7, "no drawing in both sets"


def test_the_square_root_and_pointing_change_no_answer(lab):
    before = lab.result.answers
    lab.set(distance="euclidean", selected=(3, -1))
    np.testing.assert_array_equal(lab.result.answers, before)
    assert "square root does not change" in lab.surface.message
    lab.set(distance="cosine")
    assert lab.surface.message == ""


def test_equal_pictures_make_no_broken_figure():
    blank = ImageSet(torch.zeros(4, 6, 1, 28, 28, dtype=torch.uint8), list("abcd"), ["x"] * 4)
    lab = PrototypeLaboratory({"pixels": nn.Flatten()}, blank, ways=3, shots=2, queries=2)
    assert lab.result.share == 1.0 and np.isfinite(lab.result.prototypes).all()
    lab.set(distance="cosine", ways=2, shots=1, queries=1)
    assert lab.surface.message == ""


STATES = [
    {},
    {"ways": 7, "shots": 10, "queries": 8, "selected": (6, -10)},
    {"ways": 2, "shots": 1, "queries": 1, "distance": "cosine"},
    {"embedding": "pixels", "draw": 4, "selected": (1, 2)},
]


@pytest.mark.parametrize("state", STATES)
def test_fast_picture_equals_the_full_draw(lab, state):
    result = lab.compute(**{**lab.state, **state})
    picture = lab.picture
    full = np.asarray(picture.draw(result).canvas.buffer_rgba())
    assert (picture.pixels(result) == full).all()
    background = picture._background
    picture.pixels(lab.result)
    assert picture._background is background, "nothing that stands still has changed"


def test_no_text_is_small_or_cut_off():
    encoders = {"a very long name of an embedding, longer than that": ENCODER}
    lab = PrototypeLaboratory(encoders, IMAGES, ways=7, shots=10, queries=8, selected=(6, -10))
    picture = PrototypePicture()
    figure = picture.draw(lab.result)
    texts = [t for t in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")) if t.get_text()]
    assert len(texts) >= 12 and all(text.get_fontsize() >= 12 for text in texts)
    for text in texts:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= 1000 and box.y0 >= 0 and box.y1 <= 624, text.get_text()
    row = [text.get_window_extent() for text in texts if text.get_position()[1] == 24]
    title, other = sorted(row, key=lambda box: box.x0)
    assert title.x1 < other.x0


def test_the_pointer_finds_drawings_and_points(lab):
    lab.set(ways=4, shots=2, queries=3)
    picture, result = lab.picture, lab.result
    size, begin = picture.layout(result)
    for way in (0, 3):
        for column in (-2, -1, 0, 2):
            x = begin + (column + 0.5) * size if column >= 0 else picture.left + (2.5 + column) * size
            lab.surface.pointer("move", x / 1000, (picture.top + (way + 0.5) * size) / 624)
            assert lab.result.selected == (way, column)
    kept = lab.result.selected
    lab.surface.pointer("move", (begin - 7) / 1000, (picture.top + 5) / 624)  # between support and queries
    lab.surface.pointer("leave", 0.5, 0.5)
    lab.surface.pointer("move", 0.99, 0.99)
    assert lab.result.selected == kept
    x, y = picture.plane.transData.transform(picture.scaled(result, result.query[2, 1]))
    lab.surface.pointer("down", x / 1000, 1 - y / 624, pressed=True)
    near = picture.scaled(result, lab.result.query[lab.result.selected] if lab.result.selected[1] >= 0 else
                          lab.result.support[lab.result.selected[0], lab.result.selected[1]])  # fmt: skip
    assert np.linalg.norm(near - picture.scaled(result, result.query[2, 1])) < 1e-9
    drawn = []
    lab.surface.observe(lambda change: drawn.append(1), "picture")
    lab.surface.pointer("move", x / 1000, 1 - y / 624)
    assert drawn == [], "what is pointed at already is not drawn again"


def test_keys_walk_through_the_episode(lab):
    lab.set(ways=3, shots=2, queries=3)
    for key, expected in (
        ("ArrowLeft", (0, -1)),
        ("ArrowLeft", (0, -2)),
        ("ArrowLeft", (0, 2)),
        ("ArrowDown", (1, 2)),
        ("ArrowRight", (1, -2)),
        ("ArrowUp", (0, -2)),
        ("ArrowUp", (2, -2)),
        ("Home", (0, 0)),
        ("End", (2, 2)),
    ):
        lab.surface.key(key)
        assert lab.result.selected == expected, key
    names = lab.result.dealt.names
    lab.surface.key("Enter")
    assert lab.state["draw"] == lab.home["draw"] + 1 and lab.result.dealt.names != names
    lab.set(ways=2, shots=1, queries=1)
    assert lab.result.selected == (1, 0), "brought back inside"


def test_page_down_goes_through_the_misjudged_queries():
    poor = metalib.models.initialise(nn.Sequential(nn.Flatten(), nn.Linear(784, 2)))
    lab = PrototypeLaboratory({"two random numbers": poor}, drawings(seed=3), draw=2)
    wrong = [(int(c), int(q)) for c, q in np.argwhere(~lab.result.right)]
    assert len(wrong) >= 2
    lab.set(selected=(0, -1))
    for expected in [*wrong, wrong[0]]:
        lab.surface.key("PageDown")
        assert lab.result.selected == expected
    lab.surface.key("PageUp")
    assert lab.result.selected == wrong[-1]
    perfect = PrototypeLaboratory({"pixels": nn.Flatten()}, IMAGES, shots=5)
    assert perfect.result.accuracy == 1
    perfect.surface.key("PageDown")
    assert perfect.result.selected == (0, 0)


def test_words_tell_what_the_picture_shows(lab):
    lab.set(embedding="pixels", selected=(1, -2), ways=3)
    words, result = lab.surface.alt, lab.result
    for part in (
        "A 3-way 2-shot episode, embedding: pixels, distance: squared Euclidean",
        f"2: {result.dealt.names[1]}",
        f"Right: {int(result.right.sum())} of 9 queries",
        f"{100 * result.share:.0f} % of the variance in 784 dimensions",
        "You point at support 1 of class 2",
    ):
        assert part in words


def test_a_learner_is_copied_as_it_is(lab):
    learner = metalib.ProtoNet(conv4(8, downsample="stride"))
    learner.train()
    made = PrototypeLaboratory({"mine": learner}, IMAGES)
    before = made.result.distances
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.zero_()
    made.set(draw=9)
    made.set(draw=1)
    np.testing.assert_array_equal(made.result.distances, before)
    assert learner.training


def test_where_the_classes_come_from():
    several = drawings(9, alphabets=["a"] * 7 + ["b"] * 2)
    assert {name: one.classes for name, one in image_sets(several).items()} == {"all": 9, "a": 7}
    assert list(image_sets(IMAGES)) == ["all"]
    lab = PrototypeLaboratory({"pixels": nn.Flatten()}, {"these": IMAGES, "those": drawings(4, 5)})
    assert lab.controls["ways"].max == 4 and lab.controls["shots"].max == 4
    lab.set(characters="those", shots=4, queries=1)
    with pytest.raises(ValueError, match="4 shots . 2 queries need 6 drawings a class, but there are 5"):
        lab.set(queries=2)
    assert lab.state["queries"] == 1


def test_bad_input_is_one_clear_sentence(lab):
    with pytest.raises(ValueError, match="at least two classes and two drawings of each; .* have 1 and 20"):
        PrototypeLaboratory({"pixels": nn.Flatten()}, IMAGES.subset([0]))
    with pytest.raises(ValueError, match="at least two classes"):
        PrototypeLaboratory({"pixels": nn.Flatten()}, drawings(3, 1))
    with pytest.raises(TypeError, match="no temperature"):
        PrototypeLaboratory({"pixels": nn.Flatten()}, IMAGES, temperature=1)
    with pytest.raises(ValueError, match="distance must be one of"):
        lab.set(distance="manhattan")
    with pytest.raises(ValueError, match="distance must be one of squared_euclidean"):
        explored("manhattan")
    with pytest.raises(ValueError, match="ways must lie between 2 and 7"):
        lab.set(ways=9)
    with pytest.raises(ValueError, match=r"does not take images of the shape \(3, 28, 28\)"):
        colour = ImageSet(IMAGES.images.expand(-1, -1, 3, -1, -1), IMAGES.names, IMAGES.alphabets)
        PrototypeLaboratory({"network": ENCODER}, colour)
    with pytest.raises(ValueError, match="'an embedding' gives values that are not finite"):
        nan = nn.Sequential(nn.Flatten(), nn.Linear(784, 4))
        nn.init.constant_(nan[1].weight, float("nan"))
        explored(encoder=nan)


def test_the_default_knows_glyphs_and_four_embeddings():
    lab = PrototypeLaboratory()
    assert len(lab.controls["embedding"].options) == 4 and lab.state["embedding"].endswith("ProtoNet")
    trained = [lab.set(draw=n).accuracy for n in range(6)]
    pixels = [lab.set(draw=n, embedding="pixels").accuracy for n in range(6)]
    assert np.mean(trained) > 0.9 > np.mean(pixels)
    data, _metadata = lab._repr_mimebundle_()  # a still picture where no kernel runs
    assert "image/png" in data and "5-way 1-shot" in data["text/plain"]
