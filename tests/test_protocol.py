"""`check_protocol`: each leak, planted over random image sets and samplers, is named; clean ones are left in
peace."""

import copy

import pytest
import torch
from torch import nn

import metalib
from metalib import Episodes, Learner, ProtoNet, TaskBatch, check_protocol
from metalib.data import ImageSet
from metalib.protocol import LEAKS, routines
from metalib.protocol.classes import Families
from metalib.protocol.findings import ProtocolFindings
from metalib.protocol.pictures import codes
from metalib.tasks import Unbalanced, leaks
from metalib.training import Training

SEEDS = range(4)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def number(g, low, high):
    return int(torch.randint(low, high + 1, (), generator=g))


def image_set(g, classes=None, drawings=24, size=None):
    """Random classes whose drawings differ: a pattern, and noise on it."""
    classes = classes or number(g, 12, 30)
    size = size or 14 + 2 * number(g, 0, 3)
    pattern = torch.randint(0, 256, (classes, 1, 1, size, size), generator=g)
    noise = torch.randint(-120, 121, (classes, drawings, 1, size, size), generator=g)
    names = tuple(f"c{n}-{number(g, 0, 10**9)}" for n in range(classes))
    return ImageSet((pattern + noise).clamp(0, 255).to(torch.uint8), names, ("",) * classes)


def episodes(g, images, **options):
    ways = number(g, 3, min(6, len(images) // 2))
    return Episodes(images, ways, number(g, 2, 5), number(g, 2, 6), **options)


class Foreign:
    """Somebody else's sampler: it tells nothing but its tasks."""

    def __init__(self, tasks, change=lambda batch: batch):
        self._tasks, self._change = tasks, change

    def sample(self, n_tasks, generator):
        return self._change(self._tasks.sample(n_tasks, generator))


def names_of(*args, **options):
    return set(check_protocol(*args, n_tasks=options.pop("n_tasks", 100), **options).names)


hide = pytest.mark.parametrize("hidden", [False, True], ids=["own", "foreign"])


def maybe(hidden, tasks):
    return Foreign(tasks) if hidden else tasks


# --- nothing is wrong
def clean(seed):
    """The report on random clean tasks of three sides: own, foreign, turned, unbalanced, embedded."""
    g = generator(seed)
    size = 14 + 2 * number(g, 0, 3)
    sides = []
    for _side in range(3):
        tasks = episodes(g, image_set(g, size=size), rotations=bool(number(g, 0, 1)))
        kind = number(g, 0, 3)
        if kind == 1:
            tasks = Foreign(tasks)
        elif kind == 2:
            tasks = Unbalanced(tasks, [number(g, 1, tasks.shots) for _way in range(tasks.ways)])
        elif kind == 3:
            tasks = tasks.mapped(lambda x: x.flatten(1)[:, :40])
        sides.append(tasks)
    learner = ProtoNet(nn.Flatten()) if seed % 4 == 0 else None
    return check_protocol(*sides, learner=learner, n_tasks=60, generator=generator(seed))


@pytest.mark.parametrize("seed", range(12))
def test_clean_tasks_raise_no_alarm(seed):
    report = clean(seed)
    assert report.leaks == () and report.clean and str(report).startswith("No leak seen")


@pytest.mark.slow
def test_two_hundred_clean_samplers_raise_no_alarm():
    assert [seed for seed in range(100, 300) if clean(seed).leaks] == []


# --- leaks of the sampler
@hide
@pytest.mark.parametrize("seed", SEEDS)
def test_support_examples_among_the_queries(seed, hidden):
    g = generator(seed)
    tasks = maybe(hidden, leaks.SupportInQuery(episodes(g, image_set(g))))
    report = check_protocol(test=tasks, n_tasks=40)
    assert report.names == ("support-in-query",) and "40 of 40 (100 %) test tasks" in str(report)


CHANGES = {
    "turned": lambda x: torch.rot90(x, 1, (-2, -1)),
    "mirrored": lambda x: x.flip(-1),
    "noisy": lambda x: (x + 0.02 * torch.randn(x.shape, generator=generator(1))).clamp(0, 1),
    "paler": lambda x: 0.9 * x,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("seed", range(3))
def test_support_examples_among_the_queries_that_were_changed(seed, change):
    g = generator(seed)
    tasks = Foreign(
        leaks.SupportInQuery(episodes(g, image_set(g))),
        lambda b: TaskBatch(b.support_x, b.support_y, change(b.query_x), b.query_y),
    )
    assert names_of(test=tasks) == {"support-in-query"}


def test_points_of_a_regression_task_among_its_queries():
    def change(batch):
        x, y = batch.query_x.clone(), batch.query_y.clone()
        x[:, 0], y[:, 0] = batch.support_x[:, 0], batch.support_y[:, 0]
        return TaskBatch(batch.support_x, batch.support_y, x, y)

    assert names_of(test=metalib.SineTasks()) == set()
    assert names_of(test=Foreign(metalib.SineTasks(), change)) == {"support-in-query"}


@hide
@pytest.mark.parametrize("seed", SEEDS)
def test_a_class_with_two_labels(seed, hidden):
    g = generator(seed)
    tasks = leaks.ClassTwice(episodes(g, image_set(g)), share=0.1 + 0.9 * float(torch.rand((), generator=g)))
    report = check_protocol(train=maybe(hidden, tasks), n_tasks=100)
    assert report.names == ("class-twice",)
    if not hidden:
        assert any(name in str(report) for name in tasks.episodes.image_set.names)


@hide
@pytest.mark.parametrize("seed", SEEDS)
def test_labels_that_go_with_classes(seed, hidden):
    g = generator(seed)
    tasks = leaks.SortedLabels(episodes(g, image_set(g)))
    report = check_protocol(test=maybe(hidden, tasks), n_tasks=150)
    assert report.names == ("sorted-labels",)
    assert f"where chance is {100 / tasks.episodes.ways:.3g} %" in str(report)


@pytest.mark.slow
def test_sorted_labels_are_seen_among_thousands_of_classes():
    images = metalib.data.glyphs("train")
    assert names_of(train=leaks.SortedLabels(Episodes(images, 5, 1, 1, rotations=True))) == {"sorted-labels"}
    report = check_protocol(train=Foreign(Episodes(images, 5, 1, 1, rotations=True)), n_tasks=40)
    assert not report.leaks and any("twice" in sentence for sentence in report.unseen)


def test_where_labels_cannot_be_judged_nothing_is_said_of_them():
    tasks = leaks.SortedLabels(Episodes(image_set(generator(), 2), 2, 1, 3))
    few, many = (check_protocol(test=tasks, n_tasks=n) for n in (60, 150))
    assert not few.leaks and any("too few classes" in sentence for sentence in few.unseen)
    assert many.names == ("sorted-labels",)


# --- leaks between sides
def changed(images, change):
    x = images.images.flatten(0, 1).float() / 255
    pixels = (change(x) * 255).round().to(torch.uint8).unflatten(0, images.images.shape[:2])
    return ImageSet(pixels, tuple(f"other-{n}" for n in images.names), images.alphabets)


@pytest.mark.parametrize("change", [lambda x: x, *CHANGES.values()], ids=["same", *CHANGES])
@pytest.mark.parametrize("as_tasks", [False, True], ids=["images", "tasks"])
@pytest.mark.parametrize("seed", range(2))
def test_shared_classes(seed, change, as_tasks):
    g = generator(seed)
    train, test = image_set(g, 20, size=18), image_set(g, 15, size=18)
    shared = sorted(torch.randperm(20, generator=g)[: number(g, 1, 5)].tolist())
    leaky = leaks.joined(test, changed(train.subset(shared), change))
    sides = [episodes(g, side) if as_tasks else side for side in (train, leaky)]
    report = check_protocol(sides[0], None, sides[1], n_tasks=30)
    assert report.names == ("class-overlap",)
    (leak,) = report.leaks
    assert f"{len(shared)} of {15 + len(shared)} (" in leak.sentence
    assert train.names[shared[0]] in leak.sentence


def test_shared_classes_of_a_foreign_sampler_are_seen_in_what_comes():
    g = generator(3)
    train, test = image_set(g, 20, size=16), image_set(g, 15, size=16)
    leaky = Episodes(leaks.joined(test, train.subset([2, 3])), 5, 2, 5)
    report = check_protocol(Foreign(Episodes(train, 5, 2, 5)), None, Foreign(leaky), n_tasks=100)
    assert report.names == ("class-overlap",) and "test drawings are among those of" in str(report)
    assert any("what is shared may hide" in sentence for sentence in report.unseen)


def test_other_drawings_of_a_known_class_are_told_by_name():
    glyphs = metalib.data.glyphs("test").subset(range(10))
    one, other = (
        ImageSet(glyphs.images[:, part], glyphs.names, glyphs.alphabets, source=glyphs.source)
        for part in (slice(10), slice(10, 20))
    )
    report = check_protocol(train=one, test=other)
    assert report.names == ("class-overlap",) and "10 of 10 (100 %)" in str(report)
    nameless = ImageSet(other.images, glyphs.names, glyphs.alphabets)
    assert not check_protocol(train=one, test=nameless).leaks


@pytest.mark.slow
def test_the_splits_of_the_course_share_nothing():
    for by in ("character", "script"):
        sides = [metalib.data.glyphs(split, by=by) for split in ("train", "validation", "test")]
        assert check_protocol(*sides).leaks == ()


@pytest.mark.omniglot
@pytest.mark.slow
def test_omniglots_splits_share_nothing():
    sides = [metalib.data.omniglot(split) for split in ("train", "validation", "test")]
    assert check_protocol(*sides).leaks == ()


@pytest.mark.parametrize("seed", range(1))
def test_what_was_trained_and_chosen_on(seed):
    g = generator(seed)
    train, validation, test = (image_set(g, size=16) for _side in range(3))
    both = leaks.joined(train, validation)
    for retrained in (both, Episodes(both, 3, 2, 2), ["train", "validation"]):
        assert names_of(train, validation, test, trained_on=retrained) == {"trained-on-validation"}
    for chosen in ("test", test, Episodes(test, 3, 2, 2), ["validation", "test"]):
        assert names_of(train, validation, test, tuned_on=chosen) == {"tuned-on-test"}
    assert names_of(train, validation, test, trained_on="train", tuned_on="validation") == set()
    learner = ProtoNet(nn.Sequential(nn.Flatten(), nn.Linear(256, 2)))
    run = Training(learner, Episodes(leaks.joined(train, test), 3, 2, 2), generator())
    assert names_of(train, validation, test, trained_on=run) == {"class-overlap"}


@pytest.mark.slow
def test_shipped_weights_are_known_by_name():
    test = metalib.data.glyphs("test", by="script")
    report = check_protocol(test=test, trained_on="glyphs-protonet")  # trained on the split by character
    assert report.names == ("class-overlap",)
    assert not check_protocol(test=metalib.data.glyphs("test"), trained_on="glyphs-protonet").leaks


# --- leaks of the learner and of the routine
@pytest.fixture(scope="module")
def test_tasks():
    return Episodes(metalib.data.glyphs("test").subset(range(30)), 5, 2, 4)


def conv(norm):
    return metalib.models.conv4(8, norm=norm)


def test_batch_statistics_are_transductive(test_tasks):
    for learner in (
        routines.with_query_statistics(metalib.weights.load("glyphs-protonet")),
        metalib.weights.load("glyphs-maml"),
        ProtoNet(conv("batch-statistics")),
    ):
        assert names_of(test=test_tasks, learner=learner) == {"transductive"}
    assert names_of(test=test_tasks, learner=metalib.weights.load("glyphs-protonet")) == set()
    assert names_of(test=test_tasks, learner=metalib.LogisticRegression(conv("batch").eval())) == set()


class Centred(ProtoNet):
    """It takes the mean of its queries away, and does not say so."""

    def predict(self, adapted, query_x):
        return super().predict(adapted, query_x - query_x.mean(dim=1, keepdim=True))


class InTurn(ProtoNet):
    """It remembers the queries before, as a recurrent network does that takes examples for time steps."""

    def predict(self, adapted, query_x):
        count = torch.arange(1, query_x.shape[1] + 1).view(1, -1, 1, 1, 1)
        return super().predict(adapted, query_x - query_x.cumsum(dim=1) / count)


class Mixed(ProtoNet):
    """It takes the mean over all tasks away."""

    def adapt(self, support_x, support_y):
        return super().adapt(support_x - support_x.mean(dim=0, keepdim=True), support_y)


class Growing(ProtoNet):
    """It keeps something of every task, in a buffer or where no `state_dict` has it."""

    def __init__(self, encoder, in_the_open):
        super().__init__(encoder)
        self.in_the_open = in_the_open
        self.register_buffer("seen", torch.zeros(()))
        self._hidden = 0.0

    def adapt(self, support_x, support_y):
        if self.in_the_open:
            self.seen += 1
        else:
            self._hidden += support_x.mean().item()
        return super().adapt(support_x * (1 + self._hidden * torch.arange(28)), support_y)


class Unreset(Learner):
    """It fine-tunes its network in place for each batch, and forgets to put it back."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 5))

    def adapt(self, support_x, support_y):
        with torch.enable_grad():
            loss = nn.functional.cross_entropy(self.net(support_x[0]), support_y[0])
            for p, grad in zip(
                self.net.parameters(), torch.autograd.grad(loss, [*self.net.parameters()]), strict=True
            ):
                p.data -= 0.1 * grad

    def predict(self, adapted, query_x):
        return self.net(query_x.flatten(0, 1)).unflatten(0, query_x.shape[:2])

    @property
    def is_transductive(self):
        return False


def test_what_a_learner_does_not_say_is_measured(test_tasks):
    assert names_of(test=test_tasks, learner=Centred(nn.Flatten())) == {"transductive"}
    assert names_of(test=test_tasks, learner=InTurn(nn.Flatten())) == {"transductive"}
    assert names_of(test=test_tasks, learner=Mixed(nn.Flatten())) == {"tasks-mixed"}
    assert "learns-on-test" in names_of(test=test_tasks, learner=Growing(nn.Flatten(), True))
    assert "learns-on-test" in names_of(test=test_tasks, learner=Growing(nn.Flatten(), False))
    assert "learns-on-test" in names_of(test=test_tasks, learner=Unreset())


def test_a_routine_that_goes_on_training_is_caught_on_a_copy(test_tasks):
    learner = metalib.weights.load("glyphs-protonet")
    before = copy.deepcopy(learner.state_dict())
    report = check_protocol(test=test_tasks, learner=learner, routine=routines.evaluate_and_train, n_tasks=20)
    assert report.names == ("learns-on-test",) and "evaluate_and_train changes the learner" in str(report)
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())
    assert names_of(test=test_tasks, learner=learner, routine=metalib.evaluate) == set()


# --- the leaky routines
@pytest.mark.slow
def test_training_on_the_test_raises_the_score_and_changes_the_learner():
    images = metalib.data.glyphs("test").subset(range(40))
    tasks = Episodes(images, 5, 1, 5)
    learner = ProtoNet(conv("batch").eval())
    fair = metalib.evaluate(learner, tasks, 200, generator(1), chunk=10)
    leaky = routines.evaluate_and_train(learner, tasks, 200, generator(1), rate=3e-3)
    torch.testing.assert_close(leaky.values[:10], fair.values[:10])  # before the first step all is fair
    assert leaky.values[100:].mean() > fair.values[100:].mean() + 0.05


def test_the_best_of_many_on_a_few_tasks_is_lucky(test_tasks):
    g = generator(2)
    same = {str(n): ProtoNet(metalib.models.conv4(8, generator=g).eval()) for n in range(6)}
    best, scores = routines.best_on(same, test_tasks, 10, generator(3))
    assert scores[best].mean == max(score.mean for score in scores.values())
    alone = metalib.evaluate(same[best], test_tasks, 10, generator(3))
    assert torch.equal(scores[best].values, alone.values)


def test_query_statistics_need_some(test_tasks):
    with pytest.raises(ValueError, match="no batch normalisation"):
        routines.with_query_statistics(ProtoNet(nn.Flatten()))
    with pytest.raises(ValueError, match="no learners to choose from"):
        routines.best_on({}, test_tasks, 10, generator())


# --- the report, and what is refused
def test_the_report_shows_itself_and_says_what_it_cannot_see(test_tasks):
    report = check_protocol(test=leaks.SupportInQuery(test_tasks), n_tasks=20)
    assert report.leaks[0].name in LEAKS and str(report) == repr(report)
    assert report._repr_markdown_().startswith("**Leaks: support-in-query**\n\n- ✗ **support-in-query**: ")
    unseen = " ".join(report.unseen)
    for words in ("that needs both", "trained_on", "tuned_on", "No learner was given"):
        assert words in unseen
    with pytest.raises(AssertionError):
        ProtocolFindings().leak("leaky", "So.")


def test_plain_classification_is_no_leak():
    tasks = Episodes(metalib.data.glyphs("test"), 5, 2, 4, global_labels=True)
    report = check_protocol(train=tasks, n_tasks=40)
    assert not report.leaks and any("ordinary classifier" in sentence for sentence in report.unseen)


def test_what_has_no_repeats_is_said_to_be_unseen():
    class Fresh:
        def sample(self, n_tasks, generator):
            x = torch.rand(n_tasks, 20, 1, 8, 8, generator=generator)
            y = torch.arange(5).repeat_interleave(2).expand(n_tasks, -1)
            return TaskBatch(x[:, :10], y, x[:, 10:], y)

    report = check_protocol(test=Fresh(), n_tasks=40)
    assert not report.leaks and any("Hardly any example" in sentence for sentence in report.unseen)


@pytest.mark.parametrize(
    "options, error, words",
    [
        (dict(), ValueError, "at least one of train, validation and test"),
        (dict(test=3), TypeError, "test must draw tasks"),
        (dict(test="images", n_tasks=5), ValueError, "n_tasks must be at least 20"),
        (dict(test="images", learner=nn.Flatten()), TypeError, "learner must be a metalib.Learner"),
        (dict(test="images", routine=print), ValueError, "give check_protocol both"),
        (dict(test="images", trained_on="train"), ValueError, "There is no train to compare with"),
        (dict(test="images", trained_on="no-such-weights"), FileNotFoundError, "no-such-weights"),
    ],
)
def test_what_cannot_be_checked_is_refused(options, error, words):
    if options.get("test") == "images":
        options = {**options, "test": image_set(generator(), 12)}
    with pytest.raises(error, match=words):
        check_protocol(**options)


# --- the parts
def test_codes_know_what_is_equal():
    x = torch.randint(0, 256, (6, 1, 9, 9), dtype=torch.uint8, generator=generator())
    same, turned, blank = codes(x), codes(torch.rot90(x, 3, (-2, -1)).flip(-1)), codes(torch.full_like(x, 7))
    assert (codes(x.float() / 255).exact == same.exact).all() and len(set(same.exact)) == 6
    assert (turned.turned == same.turned).all() and not (turned.exact == same.exact).any()
    for quarters in range(4):
        now = codes(torch.rot90(x, quarters, (-2, -1)))
        assert (now.exact == same.by_quarters(quarters)).all()
    assert blank.blank.all() and not same.blank.any()
    floats = torch.randn(5, 4, generator=generator())
    assert (codes(floats).exact == codes(floats.clone()).exact).all()
    assert not (codes(floats).exact == codes(floats + 1e-6).exact).any()


def test_families_are_joined_by_those_they_share():
    families = Families()
    for group in ([1, 2], [3, 4], [2, 5], [6, 3]):
        families.unite(torch.tensor(group).numpy())
    assert families.find(1) == families.find(5) != families.find(4) == families.find(6)


def test_words_are_looked_at_as_drawings_are():
    train, test = (metalib.data.words(split=split, script="Latin") for split in ("train", "test"))
    tasks = Episodes(test, 4, 2, 3)
    assert check_protocol(Episodes(train, 4, 2, 3), None, tasks, n_tasks=40).leaks == ()
    assert names_of(test=leaks.ClassTwice(tasks), n_tasks=40) == {"class-twice"}
    assert names_of(test=leaks.SupportInQuery(tasks), n_tasks=40) == {"support-in-query"}
    report = check_protocol(train, None, train.subset(range(5)))
    assert report.names == ("class-overlap",) and train.names[0] in str(report)


def test_a_single_drawing_is_counted_as_a_drawing():
    g = generator(1)
    train, test = image_set(g, 10, size=16), image_set(g, 10, size=16)
    test.images[3, 4] = train.images[2, 1]
    (leak,) = check_protocol(train, None, test).leaks
    assert leak.name == "class-overlap" and leak.sentence.startswith("1 of 240 (0.417 %) test drawings are")
