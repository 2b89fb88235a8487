"""The exercises and the quiz of chapter 4, the mathematics of MAML."""

import torch

from metalib.exercises.exercise import Exercise, Wrong
from metalib.exercises.quiz import Choice, Question, Quiz

TITLE = "The mathematics of MAML"


def symmetric(size, generator):
    """A symmetric matrix whose eigenvalues lie about 1."""
    a = torch.randn(size, size, generator=generator)
    return a @ a.T / size + 0.2 * torch.eye(size)


# --- 1: the meta-gradient of a bowl
def probe_bowl(meta_gradient):
    generator = torch.Generator().manual_seed(1)
    a, c, theta = (
        symmetric(3, generator),
        torch.randn(3, generator=generator),
        torch.randn(3, generator=generator),
    )
    return {
        "α = 0.1": meta_gradient(theta.clone(), a.clone(), c.clone(), 0.1),
        "α = 0.3": meta_gradient(theta.clone(), a.clone(), c.clone(), 0.3),
    }


BOWL = Exercise(
    id="04/bowl",
    title="the meta-gradient of a bowl, in closed form",
    difficulty=1,
    minutes=10,
    name="bowl_meta_gradient",
    statement=r"""
A task's loss, on support and query alike, is the bowl
$L(\theta) = \frac12 (\theta - c)^\top A\,(\theta - c)$ with a
symmetric matrix $A$. Its gradient is $A(\theta - c)$. What is its Hessian?

Work out on paper the gradient, with respect to $\theta$, of $L(\theta')$ after **one** inner step
$\theta' = \theta - \alpha \nabla L(\theta)$. Then write it **without autograd**.

`theta` and `c` have shape `(n,)`, `A` has shape `(n, n)`; return a tensor of shape `(n,)`.
""",
    stub="""\
def bowl_meta_gradient(theta, A, c, alpha):
    ...
""",
    solution="""\
def bowl_meta_gradient(theta, A, c, alpha):
    factor = torch.eye(len(theta)) - alpha * A
    adapted = theta - alpha * A @ (theta - c)
    return factor @ A @ (adapted - c)
""",
    context={"torch": torch},
    probe=probe_bowl,
    hints=(
        "The general formula is (I − αH)∇L(θ′). Here H is the same matrix everywhere. Which one?",
        "First θ′ = θ − αA(θ − c). Then the gradient *there*: A(θ′ − c).",
        "θ′ − c is (I − αA)(θ − c), so the whole is (I − αA) A (I − αA) (θ − c).",
    ),
    wrong=(
        Wrong(
            "return factor @ A @ (adapted - c)",
            "return A @ (adapted - c)",
            "One of the two factors (I − αA) is missing. Either you returned ∇L(θ′) alone, which is "
            "*first-order* "
            "MAML, or the factor was there and the gradient behind it was taken at θ. On a bowl these two "
            "are equal; "
            "the chain rule asks for both.",
        ),
        Wrong(
            "    return factor @ A @ (adapted - c)",
            "    return A @ (theta - c)",
            "This is the gradient at θ, as if there were no inner step: joint training.",
        ),
        Wrong(
            "torch.eye(len(theta)) - alpha * A",
            "torch.eye(len(theta)) + alpha * A",
            "The sign of the factor: θ′ = θ − α∇L(θ), so its derivative is I *minus* αA.",
        ),
        Wrong(
            "factor @ A @ (adapted - c)",
            "alpha * A @ A @ (adapted - c)",
            "You kept αA and lost the I: θ′ contains θ itself as well, not only the gradient.",
        ),
    ),
    passed="So MAML's objective on a bowl is a bowl again, with the matrix (I − αA) A (I − αA) in place of "
    "A.",
)


# --- 2: a Hessian-vector product
def probe_hvp(hvp):
    def loss(theta):
        return (theta**4).sum() / 4 + theta[0] * theta[1] * theta[2] + torch.sin(theta).sum()

    generator = torch.Generator().manual_seed(2)
    result = {}
    for number in (1, 2):
        theta = torch.randn(4, generator=generator).requires_grad_()
        result[f"point {number}"] = hvp(loss, theta, torch.randn(4, generator=generator)) + 0.0
    return result


HVP = Exercise(
    id="04/hvp",
    title="a Hessian-vector product without the Hessian",
    difficulty=2,
    minutes=10,
    name="hessian_vector",
    statement=r"""
`loss(theta)` maps a tensor of shape `(n,)` to a scalar. Return $H v$, the Hessian of the loss at `theta`
times the
vector `v`, **without** ever making the $n \times n$ matrix.

`theta` requires a gradient already; `v` is a constant. Return a tensor of shape `(n,)`.
""",
    stub="""\
def hessian_vector(loss, theta, v):
    ...
""",
    solution="""\
def hessian_vector(loss, theta, v):
    (gradient,) = torch.autograd.grad(loss(theta), theta, create_graph=True)
    (product,) = torch.autograd.grad((gradient * v).sum(), theta)
    return product
""",
    context={"torch": torch},
    probe=probe_hvp,
    hints=(
        "v does not depend on θ. So what is the gradient of the *number* ∇L(θ)·v?",
        "∇(∇L·v) = H v. Take one gradient, multiply by v, sum, and take another gradient.",
        "The first `torch.autograd.grad` needs `create_graph=True`, or there is nothing left to "
        "differentiate.",
    ),
    wrong=(
        Wrong(
            "(gradient * v).sum()",
            "gradient.sum()",
            "This is H times a vector of ones: the sum of each row. Multiply the gradient by v *before* "
            "summing.",
        ),
        Wrong(
            "    return product",
            "    return product * v",
            "You multiplied by v twice: the second gradient is Hv already.",
        ),
        Wrong(
            code="""\
def hessian_vector(loss, theta, v):
    (gradient,) = torch.autograd.grad(loss(theta), theta)
    return gradient * v
""",
            message="This is the gradient, entry by entry times v. There is no second derivative in it.",
        ),
        Wrong(
            code="""\
def hessian_vector(loss, theta, v):
    (gradient,) = torch.autograd.grad(loss(theta), theta, create_graph=True)
    (row,) = torch.autograd.grad(gradient.sum(), theta)
    return row * v
""",
            message="You took the row sums of H and multiplied them by v. That treats H as if it were "
            "diagonal.",
        ),
        Wrong(
            code="""\
def hessian_vector(loss, theta, v):
    (gradient,) = torch.autograd.grad(loss(theta), theta)
    (product,) = torch.autograd.grad((gradient * v).sum(), theta)
    return product
""",
            message="`create_graph=True` is missing in the first call: PyTorch has forgotten how the "
            "gradient was "
            "computed, and has nothing to differentiate.",
        ),
    ),
    passed="Two gradients, and no matrix: for a network with a million parameters the matrix would have "
    "10¹² numbers.",
)


# --- 3: several steps
def probe_steps(meta_gradient):
    def gradient(theta):
        return torch.stack([theta[0] ** 3 + theta[1], theta[1] ** 3 + theta[0] + 2 * theta[1] * theta[2] ** 2,
                            2 * theta[2] * theta[1] ** 2 + theta[2]])  # fmt: skip

    def hessian(theta):
        a, b, c = theta
        one = torch.ones(())
        rows = (
            [3 * a**2, one, 0 * one],
            [one, 3 * b**2 + 2 * c**2, 4 * b * c],
            [0 * one, 4 * b * c, 2 * b**2 + 1],
        )
        return torch.stack([torch.stack(list(row)) for row in rows])

    result = {}
    for steps in (1, 2, 3):
        theta = torch.tensor([0.9, -0.4, 0.6])
        result[f"steps = {steps}"] = meta_gradient(gradient, hessian, theta, 0.15, steps)
    return result


STEPS = Exercise(
    id="04/steps",
    title="the product over several steps",
    difficulty=3,
    minutes=15,
    name="meta_gradient_after",
    statement=r"""
Take $k$ inner steps $\theta_{j+1} = \theta_j - \alpha \nabla L(\theta_j)$ from $\theta_0 = \theta$ and
return the gradient of
$L(\theta_k)$ with respect to $\theta$, **without autograd**. (Support and query loss are the same function
here.)

`gradient(theta)` and `hessian(theta)` return $\nabla L$, shape `(n,)`, and $H$, shape `(n, n)`, at any point.
In which order do the factors $(I - \alpha H(\theta_j))$ meet the last gradient?
""",
    stub="""\
def meta_gradient_after(gradient, hessian, theta, alpha, steps):
    ...
""",
    solution="""\
def meta_gradient_after(gradient, hessian, theta, alpha, steps):
    path = [theta]
    for step in range(steps):
        path.append(path[-1] - alpha * gradient(path[-1]))
    result = gradient(path[-1])
    for point in reversed(path[:-1]):
        result = result - alpha * hessian(point) @ result
    return result
""",
    context={"torch": torch},
    probe=probe_steps,
    hints=(
        "Walk forwards first and keep every θ_j. Then walk back.",
        "The chain rule, from the outside in: ∇L(θ_k) goes first through the *last* step, whose factor is "
        "I − αH(θ_{k−1}), and last through the first, I − αH(θ₀).",
        "`result = gradient(path[-1])`, and then for each point of `reversed(path[:-1])`: "
        "`result = result - alpha * hessian(point) @ result`.",
    ),
    wrong=(
        Wrong(
            "reversed(path[:-1])",
            "path[:-1]",
            "The factors are in the wrong order: the last step's factor meets the gradient first. Matrices "
            "do not "
            "commute, so the order counts from two steps on. (With one step you are right.)",
        ),
        Wrong(
            "hessian(point)",
            "hessian(theta)",
            "Every factor has its own Hessian, at the point where that step began. You used the one at θ₀ "
            "for all.",
        ),
        Wrong(
            "reversed(path[:-1])",
            "reversed(path[1:])",
            "The points are shifted by one: the step from θ_j to θ_{j+1} has the Hessian at θ_j, where it "
            "*begins*. "
            "At θ_k no step begins.",
        ),
        Wrong(
            "        result = result - alpha * hessian(point) @ result",
            "        result = result - alpha * hessian(point) @ gradient(path[-1])",
            "You subtracted the k corrections side by side: I − α(H₀ + … + H_{k−1}). That is the product to "
            "first "
            "order in α only.",
        ),
        Wrong(
            "    return result",
            "    return gradient(path[-1])",
            "This is ∇L(θ_k), first-order MAML: none of the k factors is there.",
        ),
    ),
    passed="This is how backpropagation does it: forwards once, keeping every point, then back through the "
    "factors.",
)


# --- 4: Reptile's direction
def probe_reptile(reptile):
    generator = torch.Generator().manual_seed(4)
    centres = torch.randn(3, 2, generator=generator)
    matrices = torch.stack([symmetric(2, generator) for _task in range(3)])

    def gradients():
        return [lambda theta, a=a, c=c: a @ (theta - c) for a, c in zip(matrices, centres, strict=True)]

    theta = torch.randn(2, generator=generator)
    return {
        "one inner step": reptile(gradients(), theta.clone(), 0.1, 1, 0.5),
        "four inner steps": reptile(gradients(), theta.clone(), 0.2, 4, 0.5),
    }


REPTILE = Exercise(
    id="04/reptile",
    title="Reptile's outer step",
    difficulty=2,
    minutes=10,
    name="reptile_step",
    statement=r"""
Reptile never differentiates through an inner step. For each task it takes $k$ steps of plain gradient
descent from
$\theta$, arrives at $\theta_k$, and then moves $\theta$ a part of the way to where the tasks ended **on
average**:

$$\theta \leftarrow \theta + \varepsilon\,\big(\tfrac1T\textstyle\sum_\tau \theta_k^\tau - \theta\big)$$

`gradients` is a list with one function per task; `gradients[t](theta)` is $\nabla L^t(\theta)$, shape `(n,)`.
Return the new θ.
""",
    stub="""\
def reptile_step(gradients, theta, alpha, steps, epsilon):
    ...
""",
    solution="""\
def reptile_step(gradients, theta, alpha, steps, epsilon):
    ends = []
    for gradient in gradients:
        fast = theta
        for step in range(steps):
            fast = fast - alpha * gradient(fast)
        ends.append(fast)
    return theta + epsilon * (torch.stack(ends).mean(dim=0) - theta)
""",
    context={"torch": torch},
    probe=probe_reptile,
    hints=(
        "Two loops: over the tasks, and inside over the steps. Every task starts at θ.",
        "Keep where each task ended; `torch.stack(ends).mean(dim=0)` is their mean.",
        "The last line: `theta + epsilon * (mean - theta)`.",
    ),
    wrong=(
        Wrong(
            "theta + epsilon * (",
            "theta - epsilon * (",
            "You moved *away* from where the tasks ended: θ − mean(θ_k) is Reptile's gradient, and it is "
            "subtracted.",
        ),
        Wrong(
            "    for gradient in gradients:\n        fast = theta\n",
            "    fast = theta\n    for gradient in gradients:\n",
            "The second task starts where the first one ended. Every task starts from θ.",
        ),
        Wrong(
            "torch.stack(ends).mean(dim=0) - theta",
            "torch.stack(ends).mean(dim=0)",
            "The difference is missing: ε times the mean end itself was added to θ.",
        ),
        Wrong(
            "    return theta + epsilon * (torch.stack(ends).mean(dim=0) - theta)",
            "    return torch.stack(ends).mean(dim=0)",
            "You went all the way, ε = 1. Reptile goes only the part ε of it.",
        ),
        Wrong(
            "    return theta + epsilon * (torch.stack(ends).mean(dim=0) - theta)",
            "    last = torch.stack([g(end) for g, end in zip(gradients, ends)])\n"
            "    return theta - epsilon * last.mean(dim=0)",
            "This is first-order MAML: a step along the gradients *at the end points*. Reptile adds up all "
            "the "
            "gradients on the way, the first ones too.",
        ),
        Wrong(
            ".mean(dim=0)",
            ".sum(dim=0)",
            "The mean over tasks, not the sum: with three tasks θ would be thrown far beyond them.",
        ),
    ),
    passed="No second derivative, and no query set. With one inner step it is joint training, and nothing "
    "else.",
)


# --- 5: implicit MAML
def probe_implicit(implicit):
    generator = torch.Generator().manual_seed(5)
    a, b = symmetric(3, generator), symmetric(3, generator)
    c, d, theta = torch.randn(3, 3, generator=generator)
    return {
        f"λ = {lam}": implicit(theta.clone(), a.clone(), c.clone(), b.clone(), d.clone(), lam)
        for lam in (0.5, 4.0)
    }


IMPLICIT = Exercise(
    id="04/implicit",
    title="implicit MAML's linear solve",
    difficulty=3,
    minutes=15,
    name="implicit_gradient",
    statement=r"""
The support loss is the bowl $\frac12(\phi-c)^\top A(\phi-c)$, the query loss the bowl
$\frac12(\phi-d)^\top B(\phi-d)$.
Implicit MAML adapts *completely*, but on a leash to $\theta$:

$$\phi^\star = \arg\min_\phi\; \tfrac12(\phi-c)^\top A(\phi-c) + \tfrac\lambda2 \lVert\phi-\theta\rVert^2$$

1. Find $\phi^\star$: set the gradient to zero and solve.
2. Return the gradient of the query loss at $\phi^\star$ **with respect to** $\theta$,
$\;(I + A/\lambda)^{-1}\, B(\phi^\star - d)$.

Use `torch.linalg.solve(M, v)`, which is $M^{-1}v$, for both.
""",
    stub="""\
def implicit_gradient(theta, A, c, B, d, lam):
    identity = torch.eye(len(theta))
    ...
""",
    solution="""\
def implicit_gradient(theta, A, c, B, d, lam):
    identity = torch.eye(len(theta))
    phi = torch.linalg.solve(A + lam * identity, A @ c + lam * theta)
    query_gradient = B @ (phi - d)
    return torch.linalg.solve(identity + A / lam, query_gradient)
""",
    context={"torch": torch},
    probe=probe_implicit,
    hints=(
        "The gradient with respect to φ is A(φ − c) + λ(φ − θ). Collect what stands before φ.",
        "(A + λI) φ = A c + λ θ: the first solve.",
        "The second: `torch.linalg.solve(identity + A / lam, B @ (phi - d))`.",
    ),
    wrong=(
        Wrong(
            "    return torch.linalg.solve(identity + A / lam, query_gradient)",
            "    return query_gradient",
            "This is the query gradient at φ★, first order. How φ★ moves with θ is missing: (I + A/λ)⁻¹.",
        ),
        Wrong(
            "identity + A / lam",
            "identity + lam * A",
            "λ is on the wrong side. A long leash (small λ) means that φ★ hardly depends on θ: the matrix "
            "must then be "
            "*large*, I + A/λ.",
        ),
        Wrong(
            "torch.linalg.solve(identity + A / lam, query_gradient)",
            "(identity - A / lam) @ query_gradient",
            "I − A/λ is the first term of the inverse's series, and what one explicit inner step with α = "
            "1/λ would give. "
            "Implicit MAML needs the inverse itself.",
        ),
        Wrong(
            "torch.linalg.solve(identity + A / lam, query_gradient)",
            "(identity + A / lam) @ query_gradient",
            "You multiplied by the matrix; it is its *inverse* that is needed.",
        ),
        Wrong(
            "A @ c + lam * theta",
            "A @ c + theta",
            "φ★ is not the minimum: the leash pulls with λ(φ − θ), so λθ stands on the right-hand side.",
        ),
        Wrong(
            "identity + A / lam",
            "identity + B / lam",
            "The inner problem is the *support* loss, so its curvature A decides how φ★ follows θ, not the "
            "query's B.",
        ),
    ),
    passed="How φ★ was found plays no part: no inner step is stored. For a network the solve is done by "
    "Hessian-vector "
    "products.",
)

EXERCISES = (BOWL, HVP, STEPS, REPTILE, IMPLICIT)

QUIZ = Quiz(
    "04/quiz",
    (
        Question(
            "θ′ = θ − α∇L_S(θ). Where is the Hessian in the meta-gradient (I − αH)∇L_Q(θ′) taken?",
            (
                Choice(
                    "At θ, of the support loss.",
                    "Yes: it is the derivative of the inner gradient, which was taken there.",
                    correct=True,
                ),
                Choice(
                    "At θ′, of the query loss.",
                    "The query loss enters by its gradient only, and that one is taken at θ′.",
                ),
                Choice(
                    "At θ′, of the support loss.",
                    "That would be the factor of a second inner step, which begins at θ′.",
                ),
            ),
        ),
        Question(
            "A network has a million parameters. What does one exact MAML meta-gradient with one inner step "
            "need?",
            (
                Choice(
                    "A matrix of 10¹² numbers.",
                    "Nobody builds it. Only its product with one vector is needed.",
                ),
                Choice(
                    "One Hessian-vector product, about the cost of two gradients.",
                    "Yes: backpropagation through the inner gradient does it, and stores no matrix.",
                    correct=True,
                ),
                Choice(
                    "A million backward passes.",
                    "So many give the whole Hessian, row by row. One product needs one.",
                ),
            ),
        ),
        Question(
            "For small α, first-order MAML with k steps goes along g − kαHg. And MAML?",
            (
                Choice(
                    "g − 2kαHg.",
                    "Yes: the factors contribute as much again as the shifted gradient.",
                    correct=True,
                ),
                Choice(
                    "g − kαHg.", "That is first-order MAML itself: only the gradient's place has shifted."
                ),
                Choice("g.", "That is joint training, and Reptile with one step: no α in it."),
                Choice(
                    "g − ½(k − 1)αHg.",
                    "That is Reptile: the mean of the gradients on the way, the first of which has not "
                    "shifted at all.",
                ),
            ),
        ),
        Question(
            "All tasks are bowls with *the same* curvature and different centres. Where is MAML's optimum?",
            (
                Choice(
                    "Nearer to the flat tasks.",
                    "There are none: all are equally flat. With *different* curvatures you would be right.",
                ),
                Choice(
                    "Exactly where the average loss is lowest.",
                    "Yes: every task is weighted alike, so MAML finds what joint training finds, at a "
                    "higher price.",
                    correct=True,
                ),
                Choice(
                    "In the centre of the steepest task.",
                    "A steep task can repair itself by its inner step. And here none is steeper than "
                    "another.",
                ),
            ),
        ),
        Question(
            "Meta-training with α = 0.01 ends where the support loss has a largest curvature of about 2/α. "
            "What does that say?",
            (
                Choice(
                    "MAML looks for the flattest place.",
                    "Then the curvature would have *fallen*. It has risen: without curvature one step "
                    "changes little.",
                ),
                Choice(
                    "It is a coincidence.",
                    "Train with another α and see. Beyond 2/α the inner step overshoots and the query loss "
                    "punishes it.",
                ),
                Choice(
                    "The start is as steep as the inner step can stand.",
                    "Yes: steep enough to go far in one step, flat enough not to overshoot for good.",
                    correct=True,
                ),
            ),
        ),
    ),
)
