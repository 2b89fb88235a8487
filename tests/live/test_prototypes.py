"""The prototype laboratory in the page, beside the Python laboratory with the same drawings and networks."""

from dataclasses import replace

import numpy as np
import pytest
from bench import difference

from metalib.lab.parts import View
from metalib.lab.prototypes.episode import deal, embed
from metalib.lab.prototypes.laboratory import PrototypeState, pointed, pressed
from metalib.lab.prototypes.live import demo
from metalib.lab.surface import KeyEvent

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PIXELS, UNTRAINED, PROTONET, PLAIN = demo()["embeddings"]
BEGIN = PrototypeState(PIXELS, characters="unseen characters", shots=3)  # as the chapter has it
KEYS = "ArrowLeft ArrowRight ArrowUp ArrowDown Home End PageUp PageDown Enter Escape".split() + [" "]


def anywhere(rng):
    return int(rng.integers(0, 7)), int(rng.integers(-10, 8))


@pytest.fixture(scope="module")
def prototypes(bench):
    return bench("prototypes")


@pytest.fixture(scope="module")
def drawn(prototypes):
    """200 states. Episodes are dealt for every number that torch takes as a seed of 32 bits."""
    first, second, *states = prototypes.states(200, seed=1, hidden={"selected": anywhere})
    return [replace(first, draw=2**31), replace(second, draw=0), *states]


def settled(state):
    """Are the three largest variances apart by more than a hundredth? Else the rounding of float32, 1e-7 of a
    variance, turns the plane's axes by more than 1e-5, in torch as well: two machines draw two pictures."""
    dealt = deal(demo()["images"][state.characters], state.ways, state.shots, state.queries, state.draw)
    points = embed(demo()["embeddings"][state.embedding].eval(), dealt[0]).reshape(
        dealt[0].shape[:2].numel(), -1
    )
    variances = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[:3] ** 2
    return np.diff(-variances).min() > 0.01 * variances[0]


def test_an_episode_is_computed_as_in_python(prototypes, drawn):
    usual = [state for state in drawn if settled(state)]
    assert len(usual) > 190
    prototypes.agrees(usual)
    nearly_equal = [state for state in drawn if state not in usual]
    places = dict.fromkeys(("examples", "prototypes"), 1e-3)  # all else does not depend on the axes
    prototypes.agrees(nearly_equal, tolerance=places)


def test_regions_are_those_of_python(prototypes, drawn):
    """A corner where two lines cross at a small angle lies anywhere along them: it is compared less closely
    than the region's area and centre."""
    usual = [state for state in drawn[::2] if settled(state)]
    found = prototypes.ask(
        "compute", states=[prototypes.live.encode(state) for state in usual], keys=["regions"]
    )
    empty = 0
    for state, page in zip(usual, found, strict=True):
        for region, corners in zip(
            prototypes.laboratory.compute(state).regions, page["regions"], strict=True
        ):
            there = np.array(corners).reshape(-1, 2)
            assert not difference(region, there, 1e-4), state
            assert not difference(moments(region), moments(there), 1e-5), state
            empty += len(region) == 0
    assert empty, "some prototype is nowhere the nearest in the plane"


def moments(corners):
    """The area of a polygon (M, 2), and this times its centre (3,)."""
    nexts = np.roll(corners, -1, axis=0)
    cross = corners[:, 0] * nexts[:, 1] - corners[:, 1] * nexts[:, 0]
    return np.array([cross.sum() / 2, *((corners + nexts) * cross[:, None]).sum(axis=0) / 6])


def test_the_drawings_are_dealt_as_in_python(prototypes, drawn):
    states = drawn[:6]
    found = prototypes.ask(
        "compute", states=[prototypes.live.encode(state) for state in states], keys=["drawings", "names"]
    )
    for state, page in zip(states, found, strict=True):
        result = prototypes.laboratory.compute(state)
        assert page["names"] == list(result.names)
        np.testing.assert_array_equal(
            page["drawings"], result.drawings.reshape(*result.drawings.shape[:2], -1)
        )


def test_it_says_what_python_says(prototypes):
    states = prototypes.states(25, seed=2, hidden={"selected": anywhere})
    prototypes.speaks_alike([BEGIN, replace(BEGIN, embedding=PROTONET), *states])


def view(prototypes, state):
    lab = prototypes.laboratory
    return View(lab.painter, state, lab.compute(state))


def test_keys_and_buttons_lead_where_they_lead_in_python(prototypes, drawn):
    with_mistakes = [replace(state, embedding=PIXELS) for state in drawn[:12]]
    for state in [BEGIN, *with_mistakes, replace(BEGIN, embedding=PROTONET)]:
        for key in KEYS:
            expected = pressed(view(prototypes, state), KeyEvent(key, False))
            assert prototypes.keys(state, key) == expected, (key, state)
        for button, key in enumerate(("PageUp", "PageDown")):
            assert prototypes.press(state, button) == pressed(view(prototypes, state), KeyEvent(key, False))


def test_pointing_at_the_plane_is_as_in_python(prototypes, drawn):
    rng, hits = np.random.default_rng(4), 0
    for state in drawn[:40]:
        x, y = rng.uniform((-1.2, -1), (1.2, 1))
        seen = view(prototypes, state)
        across, up = (
            seen.painter.plane.axes.transData.transform((x, y)) / seen.painter.plane.axes.figure.bbox.size
        )
        expected = pointed(seen, across, 1 - up)
        assert prototypes.touch(state, 0, x, y) == (None if expected == state else expected), state
        hits += expected is not None
    assert 3 < hits < 40, "both near and far"


def test_every_drawing_can_be_pointed_at(prototypes):
    for state in (replace(BEGIN, queries=2), replace(BEGIN, ways=7, shots=10, queries=8)):
        found = {
            there.selected
            for x in range(3, 460, 19)
            for y in range(3, 220, 17)
            if (there := prototypes.touch(state, 1, x, y))
        }
        ways, columns = range(state.ways), range(-state.shots, state.queries)
        assert found == {(way, column) for way in ways for column in columns} - {state.selected}
        assert prototypes.touch(state, 1, 5, 400) is None


def test_what_the_chapter_tells_to_try(prototypes):
    """The numbers below its laboratory, in the page's."""

    def seen(**changes):
        state = prototypes.live.encode(replace(BEGIN, **changes))
        return prototypes.ask("compute", states=[state], keys=["answers", "share", "stands_in", "misjudged"])[
            0
        ]

    def right(**changes):
        return 25 - len(seen(**changes)["misjudged"])

    first = seen()
    answers = np.array(first["answers"])
    assert right() == 19 and (answers[1] == 4).sum() == 3 and round(100 * first["share"]) == 24
    there = prototypes.keys(BEGIN, "PageDown")
    distances = view(prototypes, there).result.distances[there.pointed]
    assert there.selected == (1, 0) and distances[1] < 1.1 * distances.min()
    trained = seen(embedding=PROTONET)
    assert not trained["misjudged"] and round(100 * trained["share"]) == 55
    assert [right(shots=shots) for shots in (1, 10)] == [13, 22]
    assert [right(embedding=PROTONET, shots=shots) for shots in (1, 10)] == [25, 25]
    for embedding, changed in ((PIXELS, 0), (PROTONET, 1)):
        usual = np.array(seen(embedding=embedding)["answers"])
        assert (usual == seen(embedding=embedding, distance="euclidean")["answers"]).all()
        assert (usual != seen(embedding=embedding, distance="cosine")["answers"]).sum() == changed
    assert first["stands_in"][3] == 2, "prototype 4 in the region of 3"


def test_work_in_idle_time_leaves_nothing_to_embed_for_the_next_episode(prototypes):
    found = prototypes.page.evaluate(
        """async (state) => {
            const module = await import("/prototypes.js");
            const env = await module.prepare(await (await fetch("/prototypes.data.json")).json());
            const next = {...state, draw: state.draw + 1, shots: 10, queries: 8, embedding: "pixels"};
            let pieces = 0;
            while (module.idle(state, env) && pieces < 5000) pieces++;
            const known = env.embedded.size;
            module.compute(state, env);
            module.compute(next, env);
            return {pieces, known, after: env.embedded.size, more: module.idle(state, env)};
        }""",
        prototypes.live.encode(BEGIN),
    )
    assert found["pieces"] == found["known"] == found["after"] and not found["more"]
    assert 4 * 9 * 20 <= found["known"] <= 4 * 10 * 20, "four embeddings of two episodes' classes"
