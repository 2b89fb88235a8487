"""The exercises and the quiz of chapter 3, MAML."""

import torch
import torch.nn.functional as F

from metalib.exercises.exercise import Exercise, Wrong
from metalib.exercises.quiz import Choice, Question, Quiz
from metalib.tasks import SineTasks


def network(theta, x):
    """The chapter's network 1-40-40-1 as a function of its parameters; ``theta`` is a list of six tensors,
    ``x`` is (N, 1)."""
    w1, b1, w2, b2, w3, b3 = theta
    h = torch.relu(x @ w1.T + b1)
    h = torch.relu(h @ w2.T + b2)
    return h @ w3.T + b3


def start(generator):
    """Six small tensors for :func:`network`."""
    shapes = [(40, 1), (40,), (40, 40), (40,), (1, 40), (1,)]
    return [(0.3 * torch.randn(shape, generator=generator)).requires_grad_() for shape in shapes]


TITLE = "MAML in three steps"


# --- 1: the inner step by hand
def probe_inner_step(inner_step):
    generator = torch.Generator().manual_seed(1)
    theta = torch.tensor([0.5, -1.0])
    x, y = torch.randn(7, generator=generator), torch.randn(7, generator=generator)
    return {
        "one step with α = 0.1": inner_step(theta.clone(), x, y, 0.1),
        "one step with α = 0.5": inner_step(theta.clone(), 2 * x, y, 0.5),
    }


INNER_STEP = Exercise(
    id="03/inner-step",
    title="the inner step by hand",
    difficulty=1,
    minutes=10,
    name="inner_step_by_hand",
    statement=r"""
The model is a straight line, $\hat y = a x + b$, with two parameters $\theta = (a, b)$. The support loss is
the *mean* squared error
$L(\theta) = \frac1K \sum_i (a x_i + b - y_i)^2$.

Work out $\partial L/\partial a$ and $\partial L/\partial b$ on paper, then write the inner step **without
autograd**:
return $\theta' = \theta - \alpha \nabla L(\theta)$.

`theta` has shape `(2,)`, `x` and `y` have shape `(K,)`; return a tensor of shape `(2,)`.
""",
    stub="""\
def inner_step_by_hand(theta, x, y, alpha):
    a, b = theta
    ...
""",
    solution="""\
def inner_step_by_hand(theta, x, y, alpha):
    a, b = theta
    residual = a * x + b - y
    gradient = torch.stack([(2 * residual * x).mean(), (2 * residual).mean()])
    return theta - alpha * gradient
""",
    context={"torch": torch},
    probe=probe_inner_step,
    hints=(
        "Call the residual r = a·x + b − y. What is the derivative of r² with respect to a? And of r with "
        "respect to b?",
        "The chain rule gives ∂L/∂a = mean(2·r·x) and ∂L/∂b = mean(2·r).",
        "Put both into one tensor with `torch.stack([..., ...])`, and subtract `alpha` times it from "
        "`theta`.",
    ),
    wrong=(
        Wrong(
            "theta - alpha",
            "theta + alpha",
            "You walked uphill: the gradient points to where the loss *grows*, so it is subtracted.",
        ),
        Wrong(
            "return theta - alpha * gradient",
            "return theta - gradient",
            "α is missing: the step is α times the gradient, not the whole gradient.",
        ),
        Wrong(
            "(2 * residual * x).mean(), (2 * residual).mean()",
            "(residual * x).mean(), (residual).mean()",
            "A factor 2 is missing: the derivative of r² is 2·r. (With the loss ½·r² you would be right.)",
        ),
        Wrong(
            "(2 * residual * x).mean(), (2 * residual).mean()",
            "(2 * residual * x).sum(), (2 * residual).sum()",
            "You summed over the K points; the loss is their mean. A sum makes the step K times as long: α "
            "has hidden units, and "
            "published values of α cannot be compared before one knows which was used.",
        ),
        Wrong(
            "[(2 * residual * x).mean(), (2 * residual).mean()]",
            "[(2 * residual).mean(), (2 * residual * x).mean()]",
            "The two derivatives are in the wrong order: the one for a carries the factor x.",
        ),
        Wrong(
            code="""\
def inner_step_by_hand(theta, x, y, alpha):
    a, b = theta
    a = a - alpha * (2 * (a * x + b - y) * x).mean()
    b = b - alpha * (2 * (a * x + b - y)).mean()
    return torch.stack([a, b])
""",
            message="You moved a first and then took the gradient for b at the *moved* a. Both derivatives "
            "belong to the same point θ: compute "
            "them first, then step.",
        ),
    ),
    passed="That is all an inner step is: one step of gradient descent, on the support set, from θ.",
)


# --- 2: the meta-loss
def probe_meta_loss(meta_loss):
    generator = torch.Generator().manual_seed(2)
    theta = start(generator)
    batch = SineTasks(shots=4, queries=6).sample(3, generator)
    return {
        "one inner step": meta_loss(theta, batch, 0.02, 1),
        "three inner steps": meta_loss(theta, batch, 0.02, 3),
    }


META_LOSS = Exercise(
    id="03/meta-loss",
    title="the meta-loss after several steps",
    difficulty=2,
    minutes=15,
    name="meta_loss_after",
    statement=r"""
Write the meta-loss for *any* number of inner steps. For each task: start from $\theta$, take `steps` steps of
size $\alpha$ on the
**support** set, and measure the mean squared error on the **query** set. Return the mean over tasks.

`theta` is the list of six tensors of this chapter and `network(theta, x)` its output. `batch` is a
`TaskBatch`: `batch.support_x[i]`
has shape `(K, 1)`. Keep the graph (`create_graph=True`): the next exercise differentiates through it.
""",
    stub="""\
def meta_loss_after(theta, batch, alpha, steps):
    losses = []
    for i in range(len(batch)):
        ...
    return torch.stack(losses).mean()
""",
    solution="""\
def meta_loss_after(theta, batch, alpha, steps):
    losses = []
    for i in range(len(batch)):
        fast = theta
        for step in range(steps):
            support_loss = F.mse_loss(network(fast, batch.support_x[i]), batch.support_y[i])
            gradient = torch.autograd.grad(support_loss, fast, create_graph=True)
            fast = [p - alpha * g for p, g in zip(fast, gradient)]
        losses.append(F.mse_loss(network(fast, batch.query_x[i]), batch.query_y[i]))
    return torch.stack(losses).mean()
""",
    context={"torch": torch, "F": F, "network": network},
    probe=probe_meta_loss,
    hints=(
        "You need two loops: over the tasks, and inside it over the steps. Where must the parameters be set "
        "back to θ?",
        "Give the changing parameters a name of their own, `fast = theta`, at the start of each *task*. "
        "In each step, take the gradient of the support loss with respect to `fast`.",
        "After the inner loop: `losses.append(F.mse_loss(network(fast, batch.query_x[i]), "
        "batch.query_y[i]))`.",
    ),
    wrong=(
        Wrong(
            "F.mse_loss(network(fast, batch.query_x[i]), batch.query_y[i])",
            "F.mse_loss(network(fast, batch.support_x[i]), batch.support_y[i])",
            "You averaged the *support* loss after adaptation. That only says how well each task was "
            "memorised; the meta-loss is "
            "measured on the query set.",
        ),
        Wrong(
            "F.mse_loss(network(fast, batch.query_x[i]), batch.query_y[i])",
            "F.mse_loss(network(theta, batch.query_x[i]), batch.query_y[i])",
            "You measured at θ, before adaptation. Minimising that is joint training; MAML measures at θ′.",
        ),
        Wrong(
            "F.mse_loss(network(fast, batch.support_x[i]), batch.support_y[i])",
            "F.mse_loss(network(fast, batch.query_x[i]), batch.query_y[i])",
            "You adapted to the query set: the learner has seen the exam paper. The inner steps use the "
            "support set only.",
        ),
        Wrong(
            "    for i in range(len(batch)):\n        fast = theta\n",
            "    fast = theta\n    for i in range(len(batch)):\n",
            "The second task starts where the first one ended. Every task starts from the same θ.",
        ),
        Wrong(
            "            fast = [p - alpha * g for p, g in zip(fast, gradient)]",
            "            fast = [p - alpha * g for p, g in zip(theta, gradient)]",
            "Each step starts again from θ, though its gradient was taken at the point reached so far. Step "
            "on from `fast`.",
        ),
        Wrong(
            "torch.stack(losses).mean()",
            "torch.stack(losses).sum()",
            "You summed over tasks; the meta-loss is their mean. Adam would hide this, plain gradient "
            "descent would not.",
        ),
    ),
    passed="Steps 1 and 2 of MAML in seven lines.",
)


# --- 3 and 4: the gradient of it
def probe_meta_gradient(meta_gradient):
    def support_loss(theta):
        return (theta**4).sum() / 4 + theta[0] * theta[1]

    def query_loss(theta):
        return ((theta - 2) ** 2).sum() + theta[0] * theta[2]

    result = {}
    for alpha in (0.1, 0.3):
        theta = torch.tensor([0.9, -0.4, 0.6], requires_grad=True)
        result[f"α = {alpha}"] = meta_gradient(support_loss, query_loss, theta, alpha)
    return result


META_GRADIENT = Exercise(
    id="03/meta-gradient",
    title="the second-order gradient",
    difficulty=2,
    minutes=10,
    name="meta_gradient",
    statement=r"""
MAML is *model-agnostic*: it needs nothing but two loss functions. `support_loss(theta)` and
`query_loss(theta)` each map a tensor of
shape `(3,)` to a scalar. Return the gradient, **with respect to θ**, of `query_loss` after one inner step on
`support_loss`:

$$\nabla_\theta\, L_{\text{query}}\big(\theta - \alpha \nabla L_{\text{support}}(\theta)\big)$$

Use `torch.autograd.grad` twice. `theta` requires a gradient already.
""",
    stub="""\
def meta_gradient(support_loss, query_loss, theta, alpha):
    ...
""",
    solution="""\
def meta_gradient(support_loss, query_loss, theta, alpha):
    (gradient,) = torch.autograd.grad(support_loss(theta), theta, create_graph=True)
    adapted = theta - alpha * gradient
    (outer,) = torch.autograd.grad(query_loss(adapted), theta)
    return outer
""",
    context={"torch": torch},
    probe=probe_meta_gradient,
    hints=(
        "First θ′: the gradient of `support_loss(theta)` with respect to `theta`, then one step.",
        "PyTorch forgets how a gradient was computed unless told otherwise. Which argument of "
        "`torch.autograd.grad` keeps it?",
        "With `create_graph=True` in the first call, the second one is "
        "`torch.autograd.grad(query_loss(adapted), theta)`.",
    ),
    wrong=(
        Wrong(
            ", create_graph=True",
            "",
            "This is *first-order* MAML. Either the inner gradient was taken without `create_graph=True`, "
            "so that it is a constant, or the "
            "outer one with respect to θ′ in place of θ; both lose the factor (I − αH).",
        ),
        Wrong(
            "query_loss(adapted)",
            "query_loss(theta)",
            "You differentiated the query loss at θ, as if there were no inner step.",
        ),
        Wrong(
            "query_loss(adapted)",
            "support_loss(adapted)",
            "You differentiated the support loss at θ′. The meta-loss is the *query* loss.",
        ),
        Wrong("theta - alpha", "theta + alpha", "The inner step goes uphill: subtract the gradient."),
    ),
    passed="You have just differentiated through gradient descent. Chapter 4 takes this gradient apart.",
)

FIRST_ORDER = Exercise(
    id="03/first-order",
    title="first order, the right way",
    difficulty=3,
    minutes=10,
    name="first_order_gradient",
    statement=r"""
First-order MAML treats the *inner gradient* as a constant, and nothing else: $\theta'$ still depends on
$\theta$ through the first term
of $\theta' = \theta - \alpha\, g$. Write `first_order_gradient` with the same arguments as `meta_gradient`;
it returns the gradient with
respect to `theta`.

Beware: detaching the wrong thing gives a gradient of zero, or none at all.
""",
    stub="""\
def first_order_gradient(support_loss, query_loss, theta, alpha):
    ...
""",
    solution="""\
def first_order_gradient(support_loss, query_loss, theta, alpha):
    (gradient,) = torch.autograd.grad(support_loss(theta), theta)
    adapted = theta - alpha * gradient.detach()
    (outer,) = torch.autograd.grad(query_loss(adapted), theta)
    return outer
""",
    context={"torch": torch},
    probe=probe_meta_gradient,
    hints=(
        "In θ − α·g, which of the two terms may still depend on θ?",
        "Only g is a constant: `gradient.detach()`, or simply do without `create_graph=True`.",
    ),
    wrong=(
        Wrong(
            code="""\
def first_order_gradient(support_loss, query_loss, theta, alpha):
    (gradient,) = torch.autograd.grad(support_loss(theta), theta, create_graph=True)
    adapted = theta - alpha * gradient
    (outer,) = torch.autograd.grad(query_loss(adapted), theta)
    return outer
""",
            message="This is second-order MAML: the inner gradient is still part of the graph.",
        ),
        Wrong(
            "query_loss(adapted)",
            "query_loss(theta)",
            "This is the query gradient at θ, not at θ′: first-order MAML does take the inner step.",
        ),
        Wrong(
            "query_loss(adapted)",
            "support_loss(adapted)",
            "This is the support loss at θ′; the outer step needs the query loss.",
        ),
        Wrong(
            code="""\
def first_order_gradient(support_loss, query_loss, theta, alpha):
    (gradient,) = torch.autograd.grad(support_loss(theta), theta, create_graph=True)
    adapted = theta.detach() - alpha * gradient
    (outer,) = torch.autograd.grad(query_loss(adapted), theta)
    return outer
""",
            message="You detached θ and kept the inner gradient: just the other way round. What is left is "
            "only the second-order part, −αH∇L.",
        ),
    ),
    passed="First order costs one backward pass less a step. How much it loses depends on the problem: "
    "48.07 against 48.70 % on "
    "mini-ImageNet 5-way 1-shot, but 89.4 against 95.8 % on Omniglot 20-way 1-shot.",
)


# --- 5: α
ALPHA = Exercise(
    id="03/alpha",
    title="how large may α be?",
    difficulty=2,
    minutes=10,
    name="alpha_limit",
    statement=r"""
Near a minimum every smooth loss looks like a quadratic. Take $L(\theta) = \tfrac12 (1 \cdot \theta_1^2 + 10
\cdot \theta_2^2)$: its
curvature is 1 in one direction and 10 in the other.

Many steps of gradient descent are taken from somewhere. Below which $\alpha$ does the loss go to zero, and
above which does it explode?
**Predict first**, then try a few values in a cell of your own. Set `alpha_limit` to that number.
""",
    stub="alpha_limit = ...\n",
    solution="alpha_limit = 2 / 10\n",
    hints=(
        "Write one step for one coordinate: θ ← θ − α·h·θ = (1 − αh)·θ. When does a number shrink if it is "
        "multiplied again and again?",
        "|1 − αh| < 1 means 0 < α < 2/h. Both directions must shrink.",
    ),
    wrong=(
        Wrong(
            "2 / 10",
            "2 / 1",
            "That is the limit of the *flat* direction (h = 1). The steep one has exploded long before.",
        ),
        Wrong(
            "2 / 10",
            "1 / 10",
            "At 1/h one step lands exactly in the minimum of the steep direction. That is the fastest α "
            "there, not the "
            "largest: beyond it the steps jump over the minimum and still come closer.",
        ),
        Wrong(
            "2 / 10",
            "2 / 11",
            "2/(1 + 10) is the best compromise between the two directions, the fastest α. It is not yet the "
            "limit.",
        ),
        Wrong(
            "2 / 10",
            "1 / 1",
            "That is the fastest α of the flat direction; in the steep one, 1 − αh = −9: each step is nine "
            "times as far.",
        ),
        Wrong(
            "2 / 10",
            "10",
            "You gave the curvature itself. The steeper the loss, the *smaller* α must be: it stands below "
            "the line.",
        ),
    ),
    passed="The limit is 2 divided by the largest curvature. In the laboratory it is why a large α "
    "explodes, and first where the "
    "support points lie far out.",
)

EXERCISES = (INNER_STEP, META_LOSS, META_GRADIENT, FIRST_ORDER, ALPHA)

QUIZ = Quiz(
    "03/quiz",
    (
        Question(
            "Whose loss does MAML's outer step make smaller?",
            (
                Choice(
                    "The support loss at θ.",
                    "That is what the inner step makes smaller, and only for one task.",
                ),
                Choice(
                    "The support loss at θ′.",
                    "Then θ would learn to memorise support sets fast. Whether the result is any good on "
                    "other points "
                    "of the task would play no part.",
                ),
                Choice(
                    "The query loss at θ.",
                    "That is joint training: one function for all tasks, without adaptation. On sine waves "
                    "the best such "
                    "function is their average, nearly flat.",
                ),
                Choice(
                    "The query loss at θ′.",
                    "Yes: adapted on the support set, judged on the query set. It is training for the exam "
                    "that will be "
                    "set.",
                    correct=True,
                ),
            ),
        ),
        Question(
            "You double the number of support points K, and the code uses the *sum* of squared errors in "
            "the inner loss. What happens to "
            "the inner step?",
            (
                Choice(
                    "Nothing.",
                    "With a mean this would be nearly true. A sum over twice as many points is about twice "
                    "as large.",
                ),
                Choice(
                    "It becomes about twice as long.",
                    "Yes: the gradient of a sum grows with K. So α = 0.4 with a sum over five points is α = "
                    "2 "
                    "with a mean.",
                    correct=True,
                ),
                Choice(
                    "It becomes half as long.",
                    "The other way round: more terms in the sum, a larger gradient.",
                ),
            ),
        ),
        Question(
            "Someone leaves out create_graph=True in the inner loop. What do they train?",
            (
                Choice(
                    "Nothing; PyTorch stops with an error.",
                    "It does not: θ′ = θ − α·g still depends on θ through its first term. That is why "
                    "this mistake goes unnoticed.",
                ),
                Choice(
                    "First-order MAML.",
                    "Yes. It runs, it learns, and on many problems it is a little worse.",
                    correct=True,
                ),
                Choice(
                    "Joint training.",
                    "The query loss is still measured after the inner step, so it is not joint training.",
                ),
                Choice(
                    "The same as MAML, only faster.",
                    "Faster it is. But the gradient lacks the factor (I − αH), so it is another direction.",
                ),
            ),
        ),
        Question(
            "Before any inner step, a well-trained MAML has a *larger* error on sine waves than it has "
            "after one step, and about as large an "
            "error as joint training. Is that a failure?",
            (
                Choice(
                    "Yes: θ should be a good sine wave already.",
                    "Which one? The tasks have all amplitudes and phases. No single function is "
                    "good for all of them.",
                ),
                Choice(
                    "No: θ is judged only after adaptation.",
                    "Yes. MAML looks for a place from which one step leads far, not for a good place.",
                    correct=True,
                ),
                Choice(
                    "Yes: it means that α is too small.",
                    "A smaller or larger α changes where one step leads. Before the step there is no α.",
                ),
            ),
        ),
        Question(
            "You meta-trained on amplitudes up to 5. A task with amplitude 10 comes along. What do you "
            "expect after ten steps?",
            (
                Choice(
                    "As good as ever: it has learned to learn.",
                    "It has learned to learn *these* tasks. Far outside of them there is no promise, "
                    "as the section on limits measures.",
                ),
                Choice(
                    "A larger error, more than the amplitude alone explains.",
                    "Yes: what has been learned is a prior, and this task lies outside it.",
                    correct=True,
                ),
                Choice(
                    "No different from a random start.",
                    "Usually still better: the features it has learned are of use. But the promise is gone.",
                ),
            ),
        ),
    ),
)
