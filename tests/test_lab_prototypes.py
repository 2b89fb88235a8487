"""The prototype laboratory without a browser: its answers against metalib's ProtoNet, its plane against a
singular value decomposition, its regions against brute force, its picture, the pointer and the keys."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from matplotlib.path import Path
from readable import check_fast_picture, check_nothing_still_has_changed, check_texts
from torch import nn

import metalib
from metalib import look
from metalib.data import ImageSet, glyphs
from metalib.lab import PrototypeLaboratory
from metalib.lab.prototypes import networks
from metalib.lab.prototypes.episode import cut, deal, embed, judge, lay_plane, regions
from metalib.lab.prototypes.laboratory import PrototypeState, image_sets
from metalib.lab.prototypes.live import CLASSES, data, excerpt
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
    pictures, names = deal(IMAGES, 5, shots, 4, 0)
    return judge(pictures, names, embed(encoder, pictures), shots, distance)


@pytest.fixture(scope="module")
def lab():
    made = PrototypeLaboratory({"pixels": nn.Flatten(), "network": ENCODER}, IMAGES, shots=2, queries=3)
    made.home = made.state
    return made


@pytest.fixture(autouse=True)
def as_it_began(request):
    if "lab" in request.fixturenames:
        lab = request.getfixturevalue("lab")
        lab.set(**asdict(lab.home))


@pytest.mark.parametrize("distance", DISTANCES)
def test_answers_and_distances_are_protonets(distance):
    result = explored(distance)
    x, labels = result.pictures.float() / 255, torch.arange(5)[:, None]
    support, query = x[:, :3].flatten(0, 1)[None], x[:, 3:].flatten(0, 1)[None]
    learner = metalib.ProtoNet(ENCODER, distance).eval()
    with torch.no_grad():
        adapted = learner.adapt(support, labels.expand(5, 3).flatten()[None])
        both = torch.cat([query, support], dim=1)
        logits = learner.predict(adapted, both)[0].numpy()
    queries, supports = logits[:20].reshape(5, 4, 5), logits[20:].reshape(5, 3, 5)
    np.testing.assert_allclose(-queries, result.distances[:, 3:], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(-supports, result.distances[:, :3], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(queries.argmax(-1), result.answers)
    np.testing.assert_array_equal(result.right, queries.argmax(-1) == labels.numpy())
    assert result.misjudged == [(c, q) for c in range(5) for q in range(4) if not result.right[c, q]]
    for truth in range(5):
        for answer in range(5):
            assert result.confusion[truth, answer] == (result.answers[truth] == answer).sum()


def test_prototypes_are_means_and_everything_is_projected_alike():
    result = explored()
    np.testing.assert_allclose(result.prototypes, result.examples[:, :3].mean(axis=1), atol=1e-9)
    one = explored(shots=1)
    np.testing.assert_allclose(one.prototypes, one.examples[:, 0], atol=1e-9)


@pytest.mark.parametrize("encoder", [ENCODER, nn.Flatten()], ids=["32 numbers", "784 numbers"])
def test_the_plane_is_that_of_a_principal_component_analysis(encoder):
    points = embed(encoder, deal(IMAGES, 5, 3, 4, 0)[0]).reshape(35, -1)
    first = points[:3].mean(axis=0)
    plane = lay_plane(points, first)
    _u, spread, axes = np.linalg.svd(points - points.mean(0))
    np.testing.assert_allclose(np.abs(plane.axes @ axes[:2].T), np.eye(2), atol=1e-6)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-8)
    assert plane.share == pytest.approx((spread[:2] ** 2).sum() / (spread**2).sum())
    assert (plane.axes @ (first - points.mean(0)) >= 0).all()
    places = plane.coordinates(points)
    np.testing.assert_allclose(places.max(axis=0), -places.min(axis=0), atol=1e-9)
    assert np.abs(places / (1.2, 1)).max() == pytest.approx(1 / 1.16), "all of it is in the window"


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("draw", range(3))
def test_regions_are_those_of_the_nearest_prototype_in_all_dimensions(distance, draw):
    embedded = embed(ENCODER, deal(IMAGES, 6, 2, 3, draw)[0])
    prototypes = embedded[:, :2].mean(axis=1)
    plane = lay_plane(embedded.reshape(-1, embedded.shape[-1]), prototypes[0])
    polygons = regions(plane, prototypes, distance)
    t = np.random.default_rng(draw).uniform((-1.2, -1), (1.2, 1), (200, 2))
    full = torch.from_numpy(plane.centre + plane.unit * t @ plane.axes)[None]
    np.testing.assert_allclose(plane.coordinates(full[0].numpy()), t, atol=1e-6)
    away = DISTANCES[distance](full, torch.from_numpy(prototypes)[None])[0].sort(dim=-1)
    clear = (away.values[:, 1] - away.values[:, 0] > 1e-6).numpy()
    assert clear.sum() > 150
    for point, nearest in zip(t[clear], away.indices[:, 0].numpy()[clear], strict=True):
        inside = [len(p) > 2 and Path(p).contains_point(point) for p in polygons]
        assert inside.index(True) == nearest and sum(inside) == 1


def test_cutting_a_square():
    square = np.array([(0.0, 0), (1, 0), (1, 1), (0, 1)])
    half = cut(square, np.array([1.0, 0]), -0.5)  # x ≥ 0.5
    assert {tuple(corner) for corner in half} == {(0.5, 0), (1, 0), (1, 1), (0.5, 1)}
    assert len(cut(square, np.array([1.0, 0]), -2)) == 0
    assert len(cut(np.zeros((0, 2)), np.array([1.0, 0]), 1)) == 0


def test_one_shot_or_class_more_leaves_the_rest_as_it_was():
    (small, names), (large, more) = deal(IMAGES, 3, 2, 2, 7), deal(IMAGES, 5, 4, 3, 7)
    assert names == more[:3] and len(set(more)) == 5
    assert torch.equal(small[:, :2], large[:3, :2]) and torch.equal(small[:, 2:], large[:3, 4:6])
    for pictures in large:
        assert len({picture.numpy().tobytes() for picture in pictures}) == 7, "no drawing in both sets"


def test_drawings_are_the_pictures_and_colours_are_averaged():
    result = explored()
    np.testing.assert_array_equal(result.drawings, result.pictures[:, :, 0].numpy())
    pale = replace(result, pictures=torch.cat([result.pictures, 0 * result.pictures], dim=2))
    np.testing.assert_array_equal(pale.drawings, result.drawings // 2)


def test_the_square_root_and_pointing_change_no_answer(lab):
    before = lab.result.answers
    lab.set(distance="euclidean", selected=(3, -1))
    np.testing.assert_array_equal(lab.result.answers, before)
    assert "square root does not change" in lab.surface.message
    lab.set(distance="cosine")
    assert "square root" not in lab.surface.message and "vary most (PCA)" in lab.surface.message


@pytest.mark.parametrize("classes", [[0, 0, 0, 0], [0, 9, 0, 9]], ids=["equal", "on one line"])
def test_pictures_without_two_directions_make_no_broken_figure(classes):
    pictures = torch.tensor(classes, dtype=torch.uint8).view(4, 1, 1, 1, 1).expand(4, 6, 1, 28, 28)
    blank = ImageSet(pictures.contiguous(), list("abcd"), ["x"] * 4)
    lab = PrototypeLaboratory({"pixels": nn.Flatten()}, blank, ways=4, shots=2, queries=2)
    assert lab.result.plane.share == pytest.approx(1) and np.isfinite(lab.result.prototypes).all()
    assert np.abs(lab.result.examples).max() <= 1.2
    lab.set(distance="cosine", ways=2, shots=1, queries=1)
    assert not lab.surface.failed


STATES = [
    {},
    {"ways": 7, "shots": 10, "queries": 8, "selected": (6, -10)},
    {"ways": 2, "shots": 1, "queries": 1, "distance": "cosine"},
    {"embedding": "pixels", "draw": 4, "selected": (1, 2)},
]


@pytest.mark.parametrize("change", STATES)
def test_fast_picture_equals_the_full_one(lab, change):
    state = replace(lab.state, **change)
    result, painter = lab.compute(state), lab.painter
    check_fast_picture(painter, state, result)
    check_nothing_still_has_changed(painter, lab.state, lab.result)


def test_no_text_is_small_or_cut_off(lab):
    lab.set(ways=7, shots=10, queries=8, selected=(6, -10))
    figure = lab.painter.full(lab.state, lab.result)
    check_texts(figure, 1000, least=4)
    boxes = [text.get_window_extent() for text in lab.painter.sheet.axes.texts]
    for n, box in enumerate(boxes):
        assert box.y1 <= lab.painter.height
        assert not any(box.overlaps(other) for other in boxes[:n])


def test_the_pointer_finds_drawings_and_points(lab):
    lab.set(ways=4, shots=2, queries=3)
    painter, surface = lab.painter, lab.surface
    size, edges = painter.columns(lab.state)
    for way in (0, 3):
        for number, x in enumerate(edges):
            surface.pointer(
                "move", (x + size / 2) / 1000, (painter.top + (way + 0.5) * size) / painter.height
            )
            assert lab.state.selected == (way, number - 2) and lab.state.pointed == (way, number)
    kept = lab.state.selected
    surface.pointer("move", (edges[2] - 7) / 1000, (painter.top + 5) / painter.height)  # support | queries
    surface.pointer("leave", 0.5, 0.5)
    surface.pointer("move", 0.99, 0.99)
    assert lab.state.selected == kept
    wanted = lab.result.examples[2, 2 + 1]
    x, y = painter.plane.axes.transData.transform(wanted)
    surface.pointer("down", x / 1000, 1 - y / painter.height, pressed=True)
    assert np.linalg.norm(lab.result.examples[lab.state.pointed] - wanted) < 1e-9
    drawn = []
    surface.observe(lambda change: drawn.append(1), "alt")
    surface.pointer("move", x / 1000, 1 - y / painter.height)
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
        assert lab.state.selected == expected, key
    names = lab.result.names
    lab.surface.key("Enter")
    assert lab.state.draw == lab.home.draw + 1 and lab.result.names != names
    lab.set(ways=2, shots=1, queries=1)
    assert lab.state.pointed == (1, 1), "brought back inside"


def test_page_down_goes_through_the_misjudged_queries():
    poor = metalib.models.initialise(nn.Sequential(nn.Flatten(), nn.Linear(784, 2)))
    lab = PrototypeLaboratory({"two random numbers": poor}, drawings(seed=3), draw=2)
    wrong = lab.result.misjudged
    assert len(wrong) >= 2
    lab.set(selected=(0, -1))
    for expected in [*wrong, wrong[0]]:
        lab.surface.key("PageDown")
        assert lab.state.selected == expected
    lab.surface.key("PageUp")
    assert lab.state.selected == wrong[-1]
    perfect = PrototypeLaboratory({"pixels": nn.Flatten()}, IMAGES, shots=5)
    assert perfect.result.right.all()
    perfect.surface.key("PageDown")
    assert perfect.state.selected == (0, 0)


def test_words_tell_what_the_picture_shows(lab):
    lab.set(embedding="pixels", selected=(1, -2), ways=3)
    result, (left, right) = lab.result, lab.surface.words
    score = f"pixels: {int(result.right.sum())} of 9 right, {100 * result.right.mean():.0f} %"
    share = f"The plane shows {100 * result.plane.share:.0f} % of the variance in 784 dimensions."
    pointed = "You point at support 1 of class 2; nearest prototype: 2 ✓"
    assert (left["title"], left["note"], right["note"]) == (score, share, pointed)
    assert [entry["text"] for entry in left["legend"]] == ["prototype", "support", "query", "misjudged"]
    distances = [look.number(value) for value in result.distances[1, 0]]
    for part in (
        "3-way 2-shot",
        "squared Euclidean",
        f"2: {result.names[1]}",
        score,
        share,
        pointed,
        *distances,
    ):
        assert part in lab.surface.alt
    lab.set(selected=(2, 1))
    assert "You point at query 2 of class 3" in lab.surface.alt


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
    assert lab.state.queries == 1


def test_bad_input_is_one_clear_sentence(lab):
    with pytest.raises(ValueError, match="at least two classes and two drawings of each; .* have 1 and 20"):
        PrototypeLaboratory({"pixels": nn.Flatten()}, IMAGES.subset([0]))
    with pytest.raises(ValueError, match="at least two classes"):
        PrototypeLaboratory({"pixels": nn.Flatten()}, drawings(3, 1))
    with pytest.raises(TypeError, match="no temperature"):
        PrototypeLaboratory({"pixels": nn.Flatten()}, IMAGES, temperature=1)
    with pytest.raises(ValueError, match="distance must be one of"):
        lab.set(distance="manhattan")
    with pytest.raises(ValueError, match="ways must lie between 2 and 7"):
        lab.set(ways=9)
    with pytest.raises(ValueError, match=r"cannot read images of the shape \(3, 28, 28\)"):
        colour = ImageSet(IMAGES.images.expand(-1, -1, 3, -1, -1), IMAGES.names, IMAGES.alphabets)
        PrototypeLaboratory({"network": ENCODER}, colour)
    with pytest.raises(ValueError, match="This embedding gives values that are not finite"):
        nan = nn.Sequential(nn.Flatten(), nn.Linear(784, 4))
        nn.init.constant_(nan[1].weight, float("nan"))
        explored(encoder=nan)


def test_the_default_knows_glyphs_and_four_embeddings():
    lab = PrototypeLaboratory()
    assert lab.state == PrototypeState()
    options = [(label, name) for label, name in lab.controls["embedding"].options]
    assert len(options) == 4 and ("trained, ProtoNet", "protonet") in options
    trained = [lab.set(draw=n).right.mean() for n in range(6)]
    pixels = [lab.set(draw=n, embedding="pixels").right.mean() for n in range(6)]
    assert np.mean(trained) > 0.9 > np.mean(pixels)
    data, _metadata = lab._repr_mimebundle_()  # a still picture where no kernel runs
    assert "<img " in data["text/html"] and "5-way 1-shot" in data["text/plain"]


def test_a_prototype_in_a_foreign_region_is_explained(lab):
    seen = set()
    for draw in range(1, 30):
        result = lab.set(draw=draw, embedding="pixels", ways=2 + draw % 5)
        for region, place in zip(result.stands_in, result.prototypes, strict=True):
            inside = [len(p) > 2 and Path(p).contains_point(place) for p in result.regions]
            assert inside[region]
        abroad = [way for way, region in enumerate(result.stands_in) if way != region]
        said = "is drawn in the region of" in lab.surface.message
        assert said == bool(abroad)
        seen.add(said)
        if abroad:
            way, region = abroad[0] + 1, result.stands_in[abroad[0]] + 1
            assert f"prototype {way} is drawn in the region of {region}" in lab.surface.message
    assert seen == {True, False}


@pytest.mark.parametrize("size", [(5, 3, 5), (7, 10, 8), (2, 1, 1)])
def test_of_fewer_classes_the_first_episode_stays_what_it_is(size):
    images = networks.of_seen_scripts("test")
    fewer = excerpt(images)
    assert fewer.classes == len(set(fewer.names)) == CLASSES < images.classes
    (pictures, names), (kept, same) = deal(images, *size, 1), deal(fewer, *size, 1)
    assert names == same and torch.equal(pictures, kept)
    assert deal(images, *size, 2)[1] != deal(fewer, *size, 2)[1]
    own = {
        name: sorted(one.numpy().tobytes() for one in part)
        for name, part in zip(images.names, images.images, strict=True)
    }
    for name, part in zip(fewer.names, fewer.images, strict=True):
        assert sorted(one.numpy().tobytes() for one in part) == own[name], "all drawings, each once"


def test_what_the_page_loads_is_small():
    assert len(json.dumps(data())) < 1_000_000


# --- what chapter 5 tells the reader to try: the controls are moved as told


@pytest.fixture(scope="module")
def protonet():
    """The chapter's network, trained as in the chapter."""
    train = networks.of_seen_scripts("train")
    protonet = metalib.ProtoNet(conv4(32, downsample="stride"))
    tasks, seed = metalib.Episodes(train, ways=20, shots=1, queries=5), torch.Generator().manual_seed(10)
    metalib.fit(protonet, tasks, 500, seed, meta_batch=1, lr=2e-3, progress=False)
    return protonet


@pytest.mark.slow
def test_the_page_has_the_chapters_network(protonet):
    kept, trained = networks.load()["protonet"].state_dict(), protonet.encoder.state_dict()
    for name, value in trained.items():
        np.testing.assert_allclose(kept[name], value, rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.fixture(scope="module")
def chapters(protonet):
    """The chapter's laboratory."""
    embeddings = {"pixels": nn.Flatten(), "trained": protonet}
    unseen, scripts = networks.of_seen_scripts("test"), glyphs("test", by="script")
    places = {"unseen characters": unseen, "unseen scripts": scripts}
    return PrototypeLaboratory(embeddings, places, embedding="pixels", shots=3)


@pytest.mark.slow
def test_what_the_chapter_tells_to_try(chapters):
    lab = chapters

    def right(**changes):
        result = lab.set(**{"embedding": "pixels", "shots": 3, "distance": "squared_euclidean", **changes})
        return int(result.right.sum())

    right()  # 1: three queries of class 2 go to class 5, at nearly equal distances
    assert [(w + 1, lab.result.answers[w, q] + 1) for w, q in lab.result.misjudged].count((2, 5)) == 3
    lab.surface.key("PageDown")
    way, number = lab.state.pointed
    nearest, own = lab.result.distances[way, number].min(), lab.result.distances[way, number, way]
    assert own < 1.1 * nearest and "E WITH OGONEK" in lab.result.names[1]
    share = lab.result.plane.share
    assert right(embedding="trained") == 25 and round(100 * share) == 24  # 2
    assert lab.result.plane.share == pytest.approx(0.55, abs=0.03)
    in_pixels = [right(shots=shots) for shots in (1, 10)]  # 3
    trained = [right(embedding="trained", shots=shots) for shots in (1, 10)]
    assert in_pixels == [13, 22] and trained == [25, 25]
    for embedding, changed in (("pixels", 0), ("trained", 1)):  # 4
        right(embedding=embedding)
        before = lab.result.answers
        right(embedding=embedding, distance="euclidean")
        assert (lab.result.answers == before).all()
        right(embedding=embedding, distance="cosine")
        assert (lab.result.answers != before).sum() == changed
    right()  # 5
    assert "prototype 4 is drawn in the region of 3" in lab.surface.message
