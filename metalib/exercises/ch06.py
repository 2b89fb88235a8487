"""The exercises and the quiz of chapter 6, the mathematics of ProtoNet."""

import math

import torch

from metalib.exercises.exercise import Exercise, Wrong
from metalib.exercises.quiz import Choice, Question, Quiz

TITLE = "The mathematics of ProtoNet"


# --- 1: log p(y | x), without overflow
def probe_posterior(log_posterior):
    generator = torch.Generator().manual_seed(1)
    z, prototypes = torch.randn(4, 3, generator=generator), torch.randn(5, 3, generator=generator)
    return {
        "four queries, T = 1": log_posterior(z.clone(), prototypes.clone(), 1.0),
        "the same, T = 3": log_posterior(z.clone(), prototypes.clone(), 3.0),
        "thirty times as far apart": log_posterior(30 * z, 30 * prototypes, 1.0),
    }


POSTERIOR = Exercise(
    id="06/posterior",
    title="log p(y = c | x), whatever the distances",
    difficulty=2,
    minutes=10,
    name="log_posterior",
    statement=r"""
Write $\log p(y=c\mid x)$ for all queries and classes, with squared Euclidean distance and temperature $T$:

$$\log p(y=c\mid x) = -\lVert z-p_c\rVert^2/T - \log\sum_{c'} \exp\big(-\lVert z-p_{c'}\rVert^2/T\big)$$

`z` has shape `(Q, D)`, `prototypes` `(C, D)`; return a tensor of shape `(Q, C)`. Distances of several
thousands must not make it infinite or `nan`. Take differences before squares. `torch.logsumexp(values, dim)`
exists.
""",
    stub="""\
def log_posterior(z, prototypes, temperature):
    ...
""",
    solution="""\
def log_posterior(z, prototypes, temperature):
    squared = (z.unsqueeze(1) - prototypes).square().sum(dim=-1)
    logits = -squared / temperature
    return logits - torch.logsumexp(logits, dim=1, keepdim=True)
""",
    context={"torch": torch},
    probe=probe_posterior,
    hints=(
        "`z.unsqueeze(1)` has shape `(Q, 1, D)`; minus `prototypes` it becomes `(Q, C, D)`.",
        "Square, sum over the last dimension, change the sign, divide by T: these are the logits `(Q, C)`.",
        "From the logits subtract `torch.logsumexp(logits, dim=1, keepdim=True)`, one number for each query.",
    ),
    wrong=(
        Wrong(
            "logits = -squared / temperature",
            "logits = squared / temperature",
            "The sign: with + the *farthest* prototype is the most probable.",
        ),
        Wrong(
            "logits = -squared / temperature",
            "logits = -squared.sqrt() / temperature",
            "You took the root. The nearest prototype is the same, but the probabilities are those of plain "
            "Euclidean distance.",
        ),
        Wrong(
            "logits = -squared / temperature",
            "logits = -squared * temperature",
            "A high temperature must make the answer *less* sure: divide by T.",
        ),
        Wrong(
            "    return logits - torch.logsumexp(logits, dim=1, keepdim=True)",
            "    return logits - torch.logsumexp(logits, dim=0, keepdim=True)",
            "You normalised over the queries. For one query the probabilities of the *classes* sum to one: "
            "dimension 1.",
        ),
        Wrong(
            "    return logits - torch.logsumexp(logits, dim=1, keepdim=True)",
            "    return logits.exp() / logits.exp().sum(dim=1, keepdim=True)",
            "This is p, not log p; and where all distances are large it is 0/0.",
        ),
        Wrong(
            "    return logits - torch.logsumexp(logits, dim=1, keepdim=True)",
            "    return logits - logits.exp().sum(dim=1, keepdim=True).log()",
            "Right on paper, and for small distances. But far from all prototypes every exponential is 0 in "
            "float32, and the logarithm of their sum is minus infinite: take the largest logit out first, as "
            "`torch.logsumexp` does.",
        ),
        Wrong(
            "    return logits - torch.logsumexp(logits, dim=1, keepdim=True)",
            "    return logits.softmax(dim=1).log()",
            "The softmax is stable, its logarithm is not: where p is smaller than float32 can say, it is 0, "
            "and its logarithm is minus infinite. Stay with logarithms all the way.",
        ),
    ),
    passed="That is `(-squared / temperature).log_softmax(dim=1)`, and the loss is one of its entries with a "
    "minus sign.",
)


# --- 2: the linear view
def probe_linear(as_linear):
    generator = torch.Generator().manual_seed(2)
    result = {}
    for name, temperature in (("T = 1", 1.0), ("T = 4", 4.0)):
        weight, bias = as_linear(torch.randn(4, 3, generator=generator), temperature)
        result[f"weight, {name}"], result[f"bias, {name}"] = weight, bias
    return result


LINEAR = Exercise(
    id="06/linear",
    title="the linear layer that the support set writes",
    difficulty=1,
    minutes=10,
    name="as_linear",
    statement=r"""
ProtoNet with squared Euclidean distance and temperature $T$ has the probabilities
$\operatorname{softmax}_c(w_c\cdot z + b_c)$. Return the weights, of shape `(C, D)`, and the biases, `(C,)`,
as two tensors. `prototypes` has shape `(C, D)`.

(Many weights give the same probabilities, since the softmax does not see what all classes share. Give those
that the expanded square gives.)
""",
    stub="""\
def as_linear(prototypes, temperature):
    ...
    return weight, bias
""",
    solution="""\
def as_linear(prototypes, temperature):
    weight = 2 * prototypes / temperature
    bias = -prototypes.square().sum(dim=1) / temperature
    return weight, bias
""",
    context={"torch": torch},
    probe=probe_linear,
    hints=(
        "Expand −‖z − p‖²/T. Which of the three terms is the same for every class?",
        "What stands before z, and what has no z in it? Both are divided by T.",
    ),
    wrong=(
        Wrong(
            "2 * prototypes / temperature",
            "prototypes / temperature",
            "The 2 of the expanded square is missing: the borders would lie in the wrong places.",
        ),
        Wrong(
            "-prototypes.square()",
            "prototypes.square()",
            "The sign of the bias. A prototype far from the origin has large weights; the *negative* bias "
            "makes "
            "up for it.",
        ),
        Wrong(
            "    bias = -prototypes.square().sum(dim=1) / temperature",
            "    bias = -prototypes.square().sum(dim=1)",
            "The temperature divides the whole logit, its bias too. As it is, another temperature would move "
            "the borders.",
        ),
        Wrong(
            "-prototypes.square().sum(dim=1)",
            "-prototypes.norm(dim=1)",
            "That is the length of the prototype; the expansion has its *square*.",
        ),
        Wrong(
            "    bias = -prototypes.square().sum(dim=1) / temperature",
            "    bias = torch.zeros(len(prototypes))",
            "Without the bias it is a comparison of dot products. A prototype far out would win "
            "everywhere on its side.",
        ),
    ),
    passed="So a 5-way ProtoNet ends in a linear layer that no gradient step has ever touched.",
)


# --- 3: a Bregman divergence from its function
def probe_bregman(divergence):
    generator = torch.Generator().manual_seed(3)
    x, p = (0.2 + torch.rand(4, 3, generator=generator) for _which in range(2))
    return {
        "φ = ‖x‖²": divergence(lambda v: v @ v, lambda v: 2 * v, x[0].clone(), p[0].clone()),
        "φ = Σ x log x": divergence(
            lambda v: (v * v.log()).sum(), lambda v: v.log() + 1, x[1].clone(), p[1].clone()
        ),
        "φ = −Σ log x": divergence(lambda v: -v.log().sum(), lambda v: -1 / v, x[2].clone(), p[2].clone()),
    }


BREGMAN = Exercise(
    id="06/bregman",
    title="a Bregman divergence",
    difficulty=2,
    minutes=10,
    name="divergence",
    statement=r"""
`phi(v)` is a strictly convex function of a tensor of shape `(D,)`, `slope(v)` its gradient. Write its Bregman
divergence of `x` from `p`, a number: how far φ lies, at `x`, above the tangent that touches it at `p`. (The
mean of some $x$ is the $p$ with the smallest sum of divergences.)
""",
    stub="""\
def divergence(phi, slope, x, p):
    ...
""",
    solution="""\
def divergence(phi, slope, x, p):
    return phi(x) - phi(p) - slope(p) @ (x - p)
""",
    context={"torch": torch},
    probe=probe_bregman,
    hints=(
        "The tangent at p has, at x, the value φ(p) + ∇φ(p)·(x − p).",
        "Take that away from φ(x).",
    ),
    wrong=(
        Wrong(
            "slope(p) @ (x - p)",
            "slope(x) @ (x - p)",
            "You used the slope at x. The tangent touches at p; yours gives a number that is not even "
            "positive.",
        ),
        Wrong(
            code="""\
def divergence(phi, slope, x, p):
    return phi(p) - phi(x) - slope(x) @ (p - x)
""",
            message="x and p have changed places: this is the divergence of p from x. For φ = ‖x‖² it is the "
            "same, "
            "for the others it is not, and its best p is not the mean.",
        ),
        Wrong(
            " - slope(p) @ (x - p)",
            "",
            "φ(x) − φ(p) is no distance: it is negative as often as not. Without its tangent φ says only "
            "where "
            "it is higher.",
        ),
        Wrong(
            "slope(p) @ (x - p)",
            "slope(p) @ (p - x)",
            "The sign of the step: the tangent goes from p *to* x, so it is x − p.",
        ),
        Wrong(
            "phi(x) - phi(p) - slope(p) @ (x - p)",
            "(x - p) @ (x - p)",
            "This is the squared Euclidean distance, whatever φ is. It is right for φ = ‖x‖² alone.",
        ),
    ),
    passed="Three functions, three distances, and for all of them the prototype is the mean.",
)


# --- 4: the gradient with respect to the query's embedding
def probe_pull(pull):
    generator = torch.Generator().manual_seed(4)
    z, prototypes = torch.randn(3, generator=generator), torch.randn(4, 3, generator=generator)
    return {
        "true class 0, T = 1": pull(z.clone(), prototypes.clone(), 0, 1.0),
        "true class 2, T = 1": pull(z.clone(), prototypes.clone(), 2, 1.0),
        "true class 2, T = 5": pull(z.clone(), prototypes.clone(), 2, 5.0),
    }


PULL = Exercise(
    id="06/pull",
    title="the gradient of a query",
    difficulty=2,
    minutes=15,
    name="query_gradient",
    statement=r"""
The loss is $L = -\log p(y \mid x)$ with logits $-\lVert z-p_c\rVert^2/T$. Return its **gradient** with
respect to the embedding $z$, in closed form, **without autograd**. (The chapter's boxed formula is the way
*downhill*, for $T = 1$.)

`z` has shape `(D,)`, `prototypes` `(C, D)`, `y` is a whole number; return a tensor of shape `(D,)`.
""",
    stub="""\
def query_gradient(z, prototypes, y, temperature):
    ...
""",
    solution="""\
def query_gradient(z, prototypes, y, temperature):
    p = (-(z - prototypes).square().sum(dim=1) / temperature).softmax(dim=0)
    expected = p @ prototypes
    return 2 / temperature * (expected - prototypes[y])
""",
    context={"torch": torch},
    probe=probe_pull,
    hints=(
        "First p(c | x) for all classes, a softmax over the logits.",
        "`p @ prototypes` is the mean of the prototypes, weighted by their probabilities, of shape `(D,)`.",
        "∇L = 2/T · (Σ p(c | x) p_c − p_y): z itself has dropped out.",
    ),
    wrong=(
        Wrong(
            "(expected - prototypes[y])",
            "(prototypes[y] - expected)",
            "That is the way downhill, −∇L. The gradient points uphill.",
        ),
        Wrong(
            "(expected - prototypes[y])",
            "(z - prototypes[y])",
            "Only the pull of the right prototype: this is the gradient of ‖z − p_y‖²/T. The logarithm of "
            "the "
            "sum has a gradient too, and it pushes z away from the others.",
        ),
        Wrong(
            "2 / temperature * ",
            "2 * ",
            "With a temperature every logit is divided by T, and so is its gradient. (In p you had it.)",
        ),
        Wrong(
            "2 / temperature * (",
            "1 / temperature * (",
            "The 2 is missing: ∇‖z − p‖² = 2 (z − p).",
        ),
        Wrong(
            "expected = p @ prototypes",
            "expected = prototypes.mean(dim=0)",
            "All prototypes push alike here. Each counts with its *probability*: who is not believed does "
            "not "
            "push.",
        ),
        Wrong(
            ".square().sum(dim=1) / temperature)",
            ".square().sum(dim=1).sqrt() / temperature)",
            "The probabilities are those of plain Euclidean distance, the rest is that of its square. The "
            "two "
            "do not belong together.",
        ),
    ),
    passed="A difference of two prototypes: the expected one and the right one. That is why it stays "
    "bounded, "
    "however far away the query is.",
)


# --- 5: how sure cosine distance can be
CEILING = Exercise(
    id="06/ceiling",
    title="how sure cosine distance can ever be",
    difficulty=2,
    minutes=10,
    name="temperature_for",
    statement=r"""
Cosine distance lies between 0 and 2. For the best query that can be, the right prototype is at distance 0
and all others are at 2. At which temperature does such a query get $p(y \mid x) =$ `p`, in a task with `ways`
classes? Write it as a function of `p` and `ways` that returns a number. (Any higher temperature keeps *every*
query below `p`.)
""",
    stub="""\
def temperature_for(p, ways):
    ...
""",
    solution="""\
def temperature_for(p, ways):
    return 2 / math.log((ways - 1) * p / (1 - p))
""",
    context={"torch": torch, "math": math},
    probe=lambda answer: {
        "p = 0.9, 5 ways": answer(0.9, 5),
        "p = 0.99, 20 ways": answer(0.99, 20),
        "p = 0.6, 2 ways": answer(0.6, 2),
    },
    hints=(
        "The weights are 1 for the right class and exp(−2/T) for each of the others: p = 1 / (1 + (ways − 1) "
        "exp(−2/T)).",
        "Solve for exp(−2/T): it is (1 − p) / (p (ways − 1)).",
        "Take the logarithm: 2/T = log(p (ways − 1) / (1 − p)).",
    ),
    wrong=(
        Wrong(
            "(ways - 1) * p",
            "ways * p",
            "There are ways − 1 *other* classes; the right one is not at distance 2.",
        ),
        Wrong(
            "(ways - 1) * p / (1 - p)",
            "p / (1 - p)",
            "That is right for two classes. With more, there are ways − 1 others to be drowned out.",
        ),
        Wrong(
            "return 2 / math.log",
            "return 1 / math.log",
            "The distances differ by 2, not by 1: cosines go from −1 to 1.",
        ),
        Wrong(
            "return 2 / math.log((ways - 1) * p / (1 - p))",
            "return math.log((ways - 1) * p / (1 - p)) / 2",
            "Upside down: this is 1/T. To be surer one must be *colder*.",
        ),
        Wrong(
            "math.log((ways - 1) * p / (1 - p))",
            "math.log(p / ((1 - p) * (ways - 1)))",
            "ways − 1 is on the wrong side: the more classes there are, the colder it must be.",
        ),
    ),
    passed="For 99 % in 20 ways it is about 0.27, and real embeddings need much less, because no five "
    "directions are "
    "all opposite to one another.",
)

EXERCISES = (POSTERIOR, LINEAR, BREGMAN, PULL, CEILING)

QUIZ = Quiz(
    "06/quiz",
    (
        Question(
            "A query is at squared distance 7 from prototype A and 8 from prototype B; there are three more "
            "classes. What is p(A | x) / p(B | x) at temperature 1?",
            (
                Choice(
                    "8/7.",
                    "The distances stand in an exponent. Their *difference* makes a ratio of probabilities.",
                ),
                Choice(
                    "e, about 2.72.",
                    "Yes: exp(−7)/exp(−8). The sum below is the same for both, whatever the other classes "
                    "do.",
                    correct=True,
                ),
                Choice(
                    "It depends on the other three classes.",
                    "Both probabilities do, their ratio does not: the sum below the line cancels.",
                ),
            ),
        ),
        Question(
            "All embeddings of an episode, support and query, are shifted by the same vector. What changes "
            "in "
            "ProtoNet's probabilities with squared Euclidean distance?",
            (
                Choice(
                    "Nothing.",
                    "Yes: only differences z − p_c occur. (In the linear view weights and biases change, and "
                    "make up for each other. With cosine distance the origin would matter.)",
                    correct=True,
                ),
                Choice(
                    "They do change: the weights 2p_c do.",
                    "The weights change and the biases −‖p_c‖² too. What remains is the same for all "
                    "classes, "
                    "which the softmax does not see.",
                ),
                Choice(
                    "Only the arg max stays.",
                    "That is what a change of *temperature* leaves. A shift leaves all distances as they "
                    "are.",
                ),
            ),
        ),
        Question(
            "Plain Euclidean distance in place of the squared one, on the same embeddings. What is the same?",
            (
                Choice(
                    "The loss.",
                    "The logits are others, so are probabilities and loss. Look at the loss of a network "
                    "with "
                    "random weights.",
                ),
                Choice(
                    "Which class is the most probable.",
                    "Yes: the root is increasing, so the nearest stays the nearest.",
                    correct=True,
                ),
                Choice(
                    "The linear-classifier view.",
                    "That needs ‖z‖² to be the same for all classes and to drop out. With a root nothing "
                    "drops "
                    "out. (The borders, oddly, are the same straight lines.)",
                ),
                Choice(
                    "That the mean is the best representative.",
                    "For the plain distance the best point is the geometric median. That of the square, and "
                    "of "
                    "any Bregman divergence, is the mean.",
                ),
            ),
        ),
        Question(
            "A ProtoNet's accuracy is 96 %, and its loss is high because it is far too sure of its errors. "
            "You "
            "may change the temperature only. What can you reach?",
            (
                Choice(
                    "A higher accuracy.",
                    "No temperature changes the order of the classes, so no answer changes.",
                ),
                Choice(
                    "A lower loss, at the same accuracy.",
                    "Yes: a higher temperature takes back conviction, from right answers too; there is a "
                    "best "
                    "one in between. Choose it on validation tasks.",
                    correct=True,
                ),
                Choice(
                    "Neither; training has settled it.",
                    "It has settled the embedding. How much a unit of distance should convince is one "
                    "number, "
                    "and can still be chosen.",
                ),
            ),
        ),
        Question(
            "One class of a task consists of two separate blobs, another lies between them. You double the "
            "shots. "
            "What happens to ProtoNet?",
            (
                Choice(
                    "It gets better: prototypes are estimated more exactly.",
                    "More exactly, yes: the mean of the two blobs, which lies in the *other* class.",
                ),
                Choice(
                    "Nothing good; it may even get worse.",
                    "Yes: the model, one round blob a class, is wrong, and more data make it more certain. "
                    "The "
                    "nearest neighbour or two prototypes help, or an embedding that brings the blobs "
                    "together.",
                    correct=True,
                ),
                Choice(
                    "Nothing: with one prototype a class the number of shots plays no part.",
                    "It plays a part: with one shot the prototype is at least in one of the blobs.",
                ),
            ),
        ),
    ),
)
