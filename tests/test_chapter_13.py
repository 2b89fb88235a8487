"""Chapter 13 answers forty questions with small cells. The cells are run once, as a reader runs them; then
what each answer says is held against what its cell found, with a margin."""

import ast
import contextlib
import io
import re
import types
import warnings
from dataclasses import dataclass, field

import pytest
import torch
from chapter_code import SOURCES

import metalib
from metalib import exercises

TEXT = (SOURCES / "13_faq.md").read_text(encoding="utf-8")
CELL = re.compile(r"```\{code-cell\}\n((?::\w+:[^\n]*\n)*)(.*?)```", re.DOTALL)
HEADING = re.compile(r"^### ((\d+)\. .+)$", re.MULTILINE)
NAMES = {path.stem[:2]: path.stem for path in SOURCES.glob("[01]*.md")}


def questions():
    """Heading -> all that stands below it, up to the next heading."""
    parts = re.split(r"^(#{2,3} .+)$", TEXT, flags=re.MULTILINE)
    found = zip(parts[1::2], parts[2::2], strict=True)
    return {head[4:]: body for head, body in found if HEADING.match(head)}


# --- the form of the chapter
def test_there_are_forty_questions_each_with_a_cell():
    found = questions()
    assert len(found) >= 40 and [int(head.split(".")[0]) for head in found] == [*range(1, len(found) + 1)]
    for head, body in found.items():
        assert re.search(r"```\{code-cell\}\n:name: [\w-]+\n", body), head
        assert len(CELL.findall(body)) == 1, f"{head}: one cell a question"
        assert re.search(r"[Rr]ead\schapters?\s\[\d\d\]", body), f"{head}: which chapter has more of it?"


def test_the_table_of_contents_leads_to_every_heading():
    """JupyterLab's anchors are the headings with - for spaces."""
    anchors = [head.replace(" ", "-") for head in re.findall(r"^#{2,3} (.+)$", TEXT, re.MULTILINE)]
    links = re.findall(r"\]\(#([^\s)]+)\)", TEXT)
    assert set(links) <= set(anchors)
    listed = re.findall(r"^(\d+)\. \[(.+)\]\(#([^\s]+)\)$", TEXT, re.MULTILINE)
    assert [f"{number}. {title}" for number, title, _link in listed] == [*questions()]
    assert all(link == f"{number}. {title}".replace(" ", "-") for number, title, link in listed)
    assert all(anchor.isascii() for anchor in links), "other signs are not found by JupyterLab"


def test_threads_are_linked_by_their_number():
    threads = re.findall(r"\[([^\]]*?)#(\d+)\]\((https://github\.com/[^)]*)\)", TEXT)
    assert len(threads) >= 40
    for words, number, address in threads:
        owner_and_name, kind, linked = re.fullmatch(
            r"https://github\.com/([\w.-]+/[\w.-]+)/(issues|pull)/(\d+)", address
        ).groups()
        assert linked == number and kind
        name = words.strip()
        assert not name or name == owner_and_name.split("/")[1], address


def test_the_chapters_and_sections_to_read_exist():
    for number, file in re.findall(r"\[(\d\d)\]\((\w+)\.ipynb\)", TEXT):
        assert NAMES[number] == file
    for number, rest in re.findall(r"chapter\s\[(\d\d)\]\(\w+\.ipynb\),((?:\s\"[^\"]+\"(?:,| and)?)+)", TEXT):
        text = (SOURCES / f"{NAMES[number]}.md").read_text(encoding="utf-8")
        heads = re.findall(r"^#{2,3} (.+)$", text, re.MULTILINE)
        for section in re.findall(r'"([^"]+)"', rest):
            section = " ".join(section.split())
            assert any(head.startswith(section) for head in heads), (number, section)


def test_a_dozen_can_be_bet_on():
    asked = re.findall(r'exercises\.predict\(\s*"13/([\w-]+)"', TEXT)
    assert len(asked) >= 12 and len(set(asked)) == len(asked)


# --- what the cells find
@dataclass
class Ran:
    """The chapter's names after a run, what each cell printed or showed, and what it gave its prediction."""

    names: dict
    said: dict = field(default_factory=dict)
    given: dict = field(default_factory=dict)

    def __getitem__(self, name):
        return self.names[name]

    def numbers(self, cell):
        """All numbers that a cell printed, or that its table shows."""
        found = re.findall(r"(?<![\w.])[-+−]?\d+(?:\.\d+)?(?:e[-+]\d+)?", self.said[cell])
        return [float(number.replace("−", "-")) for number in found]


@pytest.fixture(scope="module")
def ran():
    def predict(id, answer=None, **given):
        found.given[id.removeprefix("13/")] = given
        print(answer)

    asking = types.SimpleNamespace(predict=predict, board=exercises.board)
    found = Ran({"torch": torch, "metalib": metalib, "exercises": asking})
    for head, code in CELL.findall(TEXT):
        name = re.search(r":name: (\S+)", head)
        if not name:  # the quiz
            continue
        printed = io.StringIO()
        tree = ast.parse(code)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # a reader would see it
            exec(compile(tree, name[1], "exec"), found.names)
            if last is not None:
                shown = eval(compile(ast.Expression(last.value), name[1], "eval"), found.names)
                print("" if shown is None else shown)
        found.said[name[1]] = printed.getvalue()
    return found


slow = pytest.mark.slow


@slow
def test_starting(ran):
    assert ran["kept"] is True and ran["moved"] > 28_000  # 1: θ′ is another, θ is as it was
    assert ran["prototypes"].shape == (1, 5, 128)

    losses = [float(part) for part in re.findall(r"loss ([\d.]+)", ran.said["thermometers"])]
    assert losses[1] < losses[0] / 10  # 2

    table = [[float(value) for value in row] for row in ran["table_of_sets"]]
    steps, own, new = zip(*table, strict=True)
    assert steps == (0, 1, 10, 100) and own[3] < 0.02 and new[3] > 10 * own[3]  # 3
    assert abs(new[3] - new[2]) < 0.1 < new[1] - new[2], "the query loss stood still"

    assert ran["apart"] < 1e-5 * ran["largest"]  # 4

    given = ran.given["how-many-classes"]  # 5
    assert given["second"] - given["first"] > 4 and given["third"] - given["second"] > 2
    assert abs(given["last"] - given["third"]) < given["third"] - given["first"] - 5

    assert "3 classes in the support set: class 3" not in ran.said["one-picture"]  # 6
    assert "4 classes in the support set: class 3" in ran.said["one-picture"]
    assert all(share > 90 for share in map(int, re.findall(r"(\d+)%", ran.said["one-picture"])))


@slow
def test_data_and_episodes(ran):
    assert "3.8e+13" in ran.said["epochs"] and "13.3 times the 27140" in ran.said["epochs"]  # 7

    given = ran.given["four-turns"]  # 8
    assert 4 < given["apart"] < 12 and given["turned"] > 80
    assert ran["turning"].classes == 4 * ran["upright"].classes

    balance = {how: 100 * score.mean for how, score in ran["balance"].items()}  # 9
    even, support, queries = (
        {who: balance[how, who] for who in ("ProtoNet", "MAML")}
        for how in ("balanced", "support 1, 1, 3, 5, 5", "queries 1, 1, 1, 7, 15")
    )
    assert ran.given["unbalanced"]["lost"] > 2
    assert abs(even["ProtoNet"] - queries["ProtoNet"]) < 1.5
    assert 0.2 < even["ProtoNet"] - support["ProtoNet"] < 3 and 6 < even["MAML"] - support["MAML"] < 13

    assert 0.45 < ran["known"] < 0.57  # 10
    assert ran["before_any_step"].mean == pytest.approx(0.2, abs=0.03)

    assert ran.said["classes-in-common"].splitlines()[:2] == [  # 11
        "as it should be: nothing found",
        "twenty slipped in: class-overlap",
    ]

    given = ran.given["none-of-these"]  # 12
    assert 50 < given["confident"] < 70 and given["distance"] > 97 > 93 > given["softmax"]

    given = ran.given["kept-tasks"]  # 13
    assert given["kept"] > 2 * given["fresh"]
    assert float(ran["kept_rows"][1][1].split(" ")[0]) < 1.5 * given["fresh"], "on its own it looks as good"


@slow
def test_maml_its_gradient(ran):
    restored = ran["restored"]  # 14
    assert restored["state_dict()"] == pytest.approx(ran["stepped_away"], rel=1e-4)
    assert restored["a deep copy of it"] == 0 and 0.2 < ran.given["restored"]["cosine"] < 0.9

    gaps = re.findall(r"loss ([\d.]+) ± ([\d.]+)", ran.said["second-order"])  # 15
    assert all(float(mean) > float(half) for mean, half in gaps) and len(gaps) == 2
    cosines = [float(value) for value in re.findall(r"([\d.]+)$", ran.said["second-order"], re.MULTILINE)]
    assert cosines[-3] > cosines[-2] > cosines[-1] > 0.8 and cosines[-3] > 0.999

    assert "head.weight head.bias" in ran.said["freezing"] and "unused" not in " ".join(ran["reached"])  # 20
    assert len(ran["reached"]) == 4 and ran["head_only"].adapted_names == ("head.weight", "head.bias")
    assert ran["drift"] == 0 and "appears to not have been used" in ran.said["freezing"]

    assert "one task after the other" in ran.said["recurrent"]  # 21
    assert float(re.search(r"differs by (\S+)", ran.said["recurrent"])[1]) < 1e-5

    ratios = re.findall(r"(\w+) +the sum moves θ ([\d.]+) times", ran.said["sum-or-mean"])  # 23
    assert dict(ratios) == {"SGD": "8.00", "Adam": "1.00"}

    second, first = (
        [float(row[column]) for row in ran["needs"]] for column in (1, 2)
    )  # 24: a straight line, and none
    assert (second[3] - second[2]) / (second[1] - second[0]) == pytest.approx(10 / 4, rel=0.05)
    assert max(first) - min(first) < 0.02 < second[0]


def test_what_the_graph_does_not_hold_after_the_deep_copy_pytorch_says():
    """14: several tasks' losses, added up before `backward`, over weights that were restored in place."""
    net = metalib.models.sine_net()
    batch = metalib.SineTasks(shots=5, queries=5).sample(2, torch.Generator().manual_seed(0))
    total = 0.0
    for support_x, support_y, query_x, query_y in zip(*batch, strict=True):
        saved = {name: value.clone() for name, value in net.state_dict().items()}
        stepper = torch.optim.SGD(net.parameters(), lr=0.1)
        stepper.zero_grad()
        (net(support_x) - support_y).square().mean().backward()
        stepper.step()
        total = total + (net(query_x) - query_y).square().mean()
        net.load_state_dict(saved)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        total.backward()


def test_what_is_restored_from_a_deep_copy_has_the_first_order_gradient():
    """14: "at best first-order MAML"."""
    net = metalib.models.sine_net()
    batch = metalib.SineTasks(shots=5, queries=5).sample(1, torch.Generator().manual_seed(0))
    first = metalib.MAML(metalib.models.sine_net(), alpha=0.1, first_order=True)
    first.loss(batch).backward()
    stepper = torch.optim.SGD(net.parameters(), lr=0.1)
    (net(batch.support_x[0]) - batch.support_y[0]).square().mean().backward()
    stepper.step()
    net.zero_grad()
    (net(batch.query_x[0]) - batch.query_y[0]).square().mean().backward()
    for mine, theirs in zip(net.parameters(), first.parameters(), strict=True):
        assert torch.allclose(mine.grad, theirs.grad, atol=1e-6)


@slow
def test_maml_its_inner_loop(ran):
    one, five = ([float(value) for value in row[1:]] for row in ran["by_shots"])  # 16: at 0, 1, 3, 5, 10
    for row in (one, five):
        assert abs(row[0] - 20) < 4 and row[1] > 90 and row[1] - row[0] > 10 * (row[4] - row[1])
    assert 0.15 < (one[4] - one[1]) / (100 - one[1]) < 0.55, "about a third of the errors"
    assert (five[4] - five[1]) / (100 - five[1]) > 0.45, "more than half of the errors"

    stable, too_long = ran.said["longer"].split("α", 1)  # 17
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", stable)]
    assert losses == sorted(losses, reverse=True)
    gains = [before - after for before, after in zip(losses, losses[1:], strict=False)]
    assert gains == sorted(gains, reverse=True)
    worse = [float(loss) for loss in re.findall(r"loss ([\d.e+]+)", too_long)]
    assert worse == sorted(worse) and worse[0] > 2 * losses[0]

    assert ran["as_trained"].mean > 0.92 and 18 < ran.given["evaluation-mode"]["accuracy"] < 38  # 18
    losses = ran["unit_losses"]  # 19
    assert losses[1] < 0.4 and not losses[3] < 1e3 and not losses[10] < 1e3

    inner = ran.given["inner-adam"]  # 22
    assert inner["adam"] > 2.5 * inner["sgd"] and inner["sgd"] == pytest.approx(0.59, abs=0.03)
    after_five = [float(row[2]) for row in ran["inner_rows"]]
    assert after_five[1] > 2 * after_five[0]


def test_adams_first_step_has_one_length_for_all():
    """22."""
    net = metalib.models.sine_net()
    before = [p.detach().clone() for p in net.parameters()]
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    net(torch.linspace(-5, 5, 9).unsqueeze(1)).square().mean().backward()
    optimizer.step()
    for p, old in zip(net.parameters(), before, strict=True):
        moved = (p - old).abs()[p.grad.abs() > 1e-5]
        assert torch.allclose(moved, torch.full_like(moved, 0.01), rtol=0.01)


def test_the_unit_of_the_targets_decides_what_alpha_is_stable():
    """19: with a ninth of the step, targets three times as large do no harm."""
    sine = metalib.weights.load("sine-maml")
    batch = metalib.SineTasks(shots=5, queries=20).sample(100, torch.Generator().manual_seed(3))
    with torch.no_grad():
        sine.alpha = 0.01 / 9
        path = sine.adapt(batch.support_x, 3 * batch.support_y, steps=5)
        loss = (sine.predict(path, batch.query_x) / 3 - batch.query_y).square().mean()
    assert loss < 5


@slow
def test_protonet(ran):
    accuracy = [float(value) for value in re.findall(r"([\d.]+) ± ", ran.said["other-ways"])]  # 25
    assert accuracy[0] > accuracy[1] > accuracy[2] > 75 and accuracy[3] > 93
    assert "The label 5 has no output" in ran.said["other-ways"]

    for setting, *means, half, paper in ran["digit_rows"]:  # 26
        means = [float(mean) for mean in means]
        assert max(means) - min(means) < 0.15 and abs(float(paper) - sum(means) / 3) < 0.2, setting
        assert max(means) - min(means) < 2 * float(half)

    rows = {(row[0], row[1], row[2]): [float(row[3].rstrip("%")), float(row[4])] for row in ran["scale_rows"]}
    for network in ("untrained", "trained"):  # 27
        assert len({rows[network, *how][0] for how in SCALES}) == 1
    square, warm, root = (rows["untrained", *how][1] for how in SCALES)
    assert square > 5 * max(warm, root)
    square, warm, root = (rows["trained", *how][1] for how in SCALES)
    assert square < 0.2 < root < warm


SCALES = (("squared_euclidean", 1), ("squared_euclidean", 30), ("euclidean", 1))


@slow
def test_training(ran):
    spreads = [float(value) for value in re.findall(r"deviation ([\d.]+)", ran.said["jumping-loss"])]  # 28
    assert spreads == sorted(spreads, reverse=True) and 1.3 < spreads[0] / spreads[1] < 3

    same, fresh = (int(value) for value in re.findall(r"(\d+)%", ran.said["same-validation"]))  # 29
    assert same >= 90 and fresh <= 85

    kept, anew = (change.norm().item() for change in ran["changes"])  # 30
    assert anew > 2 * kept
    assert torch.nn.functional.cosine_similarity(*ran["changes"], dim=0) < 0.7


@slow
def test_evaluation(ran):
    assert ran.given["ten-points"]["points"] > 10  # 31
    quarters = [part.mean().item() for part in ran["learning"].values.split(25)]
    assert quarters == sorted(quarters) and quarters[0] - 0.02 > ran["honest"].mean

    many, small = ran["many"], ran["small"]  # 32
    assert 8 < many.values.std().item() / many.half_width < 16
    assert max(small) - min(small) > 0.02 and ran["floor"] == pytest.approx(0.0179, abs=1e-4)
    assert ran["floor"] > 0.95 * 0.0184

    one, other = ran["ours_score"], ran["plain_score"]  # 33
    assert one.mean - one.half_width < other.mean + other.half_width
    paired = ran["minus"](one, other)
    assert paired.mean > 1.2 * paired.half_width

    together, beside, lonely = (100 * ran[name].mean for name in ("together", "beside", "lonely"))  # 34
    assert -0.2 < together - beside < 3 and together - lonely > 8


@slow
def test_reinforcement_learning(ran):
    fresh, stale = ran["both_ways"].values()  # 35
    assert stale[:2] == fresh[:2] and stale[2] < stale[1] < fresh[2] and stale[4] < stale[0] - 15

    earned = {every: score.mean for every, score in ran["earned"].items()}  # 36
    assert earned[100] > earned[50] + 1 > earned[10] + 6 and abs(earned[1] - 50) < 3
    assert 60 < earned[10] < 72

    maml, joint = ([float(value) for value in row[1:]] for row in ran["curve_rows"][:2])  # 37
    for curve in (maml, joint):
        assert curve[1] - curve[0] > 0.5 * -curve[0] and max(curve[3:]) < curve[2] + 0.5
    assert joint[5] - maml[5] > 1.5
    long, short = ran["by_length"].values()
    assert short[5] > long[5] + 2 and long[0] == short[0]


@slow
def test_beyond(ran):
    out = ran["out_there"]  # 38
    missed = [loss for loss, _zero in out.values()]
    assert missed == sorted(missed) and missed[0] < 0.3 and missed[-1] > 5 * out[8, 10][1]

    shots = [[float(value.split(" ")[0]) for value in row[1:]] for row in ran["race"]]  # 39
    one, five = zip(*shots, strict=True)
    assert max(five) - min(five) < 1.5 and one[3] - one[0] > 0.4 and one[2] < one[0] + 1.5
    assert one[1] == pytest.approx(one[0], abs=0.5)

    step, layer = re.findall(r"(-?\d\.\d{10})", ran.said["in-context"])  # 40
    assert step == layer


@slow
def test_the_checklist_names_what_was_planted(ran):
    assert dict(ran["named"]) == {
        "healthy": "nothing",
        "features detached": "graph-cut",
        "α = 1": "alpha-large",
        "α = 0.000001": "alpha-small",
        "twenty kept tasks": "same-tasks",
    }
    assert "graph-cut" in ran.said["whole-report"] and "detach()" in ran.said["whole-report"]


def test_the_checklist_calls_faults_by_their_names():
    from metalib.diagnosis import FAULTS

    listed = TEXT.split("## My MAML does not learn")[1].split("```{code-cell}")[0]
    named = {
        name
        for group in re.findall(r"\*([a-z-]+(?:,\s+[a-z-]+)*)\*", listed)
        for name in re.split(r",\s+", group)
    }
    assert len(named - {"support", "query"}) >= 15 and named - {"support", "query"} <= set(FAULTS)
    for number in re.findall(r"questions? ((?:\d+(?:, )?)+)", listed):
        assert all(1 <= int(one) <= len(questions()) for one in number.split(", ") if one)


def test_who_is_ahead_changes_with_the_tasks():
    """The decision guide, by the cards: intervals apart, or called a hair."""
    cards = {name: metalib.weights.card(name)["results"] for name in metalib.weights.names()}

    def at(name, label):
        return next(entry for entry in cards[name] if entry["label"] == label)

    def ahead(one, other):
        return one["mean"] - one["half_width"] > other["mean"] + other["half_width"]

    shot, words = "5-way 1-shot", "5-way 5-shot, own kind, own families"
    for other in (at("glyphs-embedding", shot), at("glyphs-maml", f"{shot}, 3 steps")):
        assert ahead(at("glyphs-protonet", shot), other)
    assert 0 < at("words-maml", words)["mean"] - at("words-protonet", words)["mean"] < 0.02
    assert ahead(at("sine-maml", "5 shots, 10 steps"), at("sine-cnp", "5 shots"))  # of a loss: CNP is better
    assert ahead(at("sine-joint", "5 shots, 10 steps"), at("sine-maml", "5 shots, 10 steps"))
    assert ahead(at("navigation-joint", "5 steps"), at("navigation-maml", "5 steps"))


@slow
def test_each_line_of_the_guide_is_reached(ran):
    recommend, heard = ran["recommend"], list(ran["asking"].values())
    assert len(set(heard)) == len(heard) == 8 and ran.given["recommend"]["maml"] == 1
    assert recommend(100, 5000, "policy", pretrained=True) == "ordinary training"
    assert recommend(5, 400, "numbers", alike=False, may_step=False) == "neural process"
    assert ran["passed"].mean > 3 * ran["stepped"].mean  # where the order turns
    assert ran["passed"].mean - ran["passed"].half_width > ran["stepped"].mean + ran["stepped"].half_width
