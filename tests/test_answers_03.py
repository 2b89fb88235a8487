"""Answers to chapter 3's exercises that its file does not list: right ones pass, wrong ones do not.

Beside a wrong answer stands what the message must say of it; "" where it only must not pass.
"""

import textwrap

import pytest

from metalib import exercises

RIGHT = {
    "03/inner-step": [
        """
        def inner_step_by_hand(theta, x, y, alpha):
            r = theta[0] * x + theta[1] - y
            K = len(x)
            da = 2 / K * torch.sum(r * x)
            db = 2 / K * torch.sum(r)
            return torch.stack([theta[0] - alpha * da, theta[1] - alpha * db])
        """,
        """
        def inner_step_by_hand(theta, x, y, alpha):
            X = torch.stack([x, torch.ones_like(x)], dim=1)
            return theta - 2 * alpha / len(x) * X.T @ (X @ theta - y)
        """,
        """
        def inner_step_by_hand(theta, x, y, alpha):
            a, b = theta.tolist()
            n, da, db = 0, 0.0, 0.0
            for xi, yi in zip(x.tolist(), y.tolist()):
                da += 2 * (a * xi + b - yi) * xi
                db += 2 * (a * xi + b - yi)
                n += 1
            return torch.tensor([a - alpha * da / n, b - alpha * db / n])
        """,
        """
        def inner_step_by_hand(theta, x, y, alpha):
            a, b = theta
            da = 2 * (a * (x ** 2).mean() + b * x.mean() - (x * y).mean())
            db = 2 * (a * x.mean() + b - y.mean())
            return theta - alpha * torch.tensor([da, db])
        """,
        """
        inner_step_by_hand = lambda theta, x, y, alpha: theta - alpha * torch.stack(
            [(2 * x * (theta[0] * x + theta[1] - y)).mean(), 2 * (theta[0] * x + theta[1] - y).mean()])
        """,
        """
        def inner_step_by_hand(theta, x, y, alpha):
            theta = theta.clone()
            error = theta[0] * x + theta[1] - y
            gradient = torch.zeros(2)
            gradient[0] = 2 * (error @ x) / x.shape[0]
            gradient[1] = 2 * error.mean()
            theta -= alpha * gradient
            return theta
        """,
    ],
    "03/one-line": [
        """
        def inner_step_in_one_line(loss, theta, x, y, alpha):
            return theta - alpha * torch.autograd.grad(loss(theta, x, y), theta, create_graph=True)[0]
        """,
        """
        inner_step_in_one_line = lambda loss, theta, x, y, alpha: (
            theta - alpha * torch.func.grad(loss)(theta, x, y))
        """,
        """
        def inner_step_in_one_line(loss, theta, x, y, alpha):
            return theta.sub(torch.func.grad(lambda t: alpha * loss(t, x, y))(theta))
        """,
        """
        def inner_step_in_one_line(loss, theta, x, y, alpha):
            from torch.func import grad
            return theta - alpha * grad(loss, argnums=0)(theta, x, y)
        """,
        """
        def inner_step_in_one_line(loss, theta, x, y, alpha):
            return theta - alpha * torch.func.grad_and_value(loss)(theta, x, y)[0]
        """,
        """
        def inner_step_in_one_line(loss, theta, x, y, alpha):
            return theta - alpha * torch.func.jacrev(loss)(theta, x, y)
        """,
    ],
    "03/meta-loss": [
        """
        def meta_loss_after(theta, batch, alpha, steps):
            total = 0.0
            for sx, sy, qx, qy in zip(batch.support_x, batch.support_y, batch.query_x, batch.query_y):
                fast = list(theta)
                for _ in range(steps):
                    loss = ((network(fast, sx) - sy) ** 2).mean()
                    grads = torch.autograd.grad(loss, fast, create_graph=True)
                    fast = [p - alpha * g for p, g in zip(fast, grads)]
                total = total + ((network(fast, qx) - qy) ** 2).mean()
            return total / len(batch.support_x)
        """,
        """
        def meta_loss_after(theta, batch, alpha, steps):
            def adapted(x, y, steps):
                if steps == 0:
                    return theta
                fast = adapted(x, y, steps - 1)
                g = torch.autograd.grad(F.mse_loss(network(fast, x), y), fast, create_graph=True)
                return [p - alpha * q for p, q in zip(fast, g)]
            return torch.stack([
                F.mse_loss(network(adapted(batch.support_x[i], batch.support_y[i], steps), batch.query_x[i]),
                           batch.query_y[i]) for i in range(len(batch))]).mean()
        """,
        """
        def meta_loss_after(theta, batch, alpha, steps):
            loss = lambda t, x, y: F.mse_loss(network(t, x), y)
            losses = []
            for i in range(len(batch)):
                fast = tuple(theta)
                for _ in range(steps):
                    g = torch.func.grad(loss)(fast, batch.support_x[i], batch.support_y[i])
                    fast = tuple(p - alpha * q for p, q in zip(fast, g))
                losses.append(loss(fast, batch.query_x[i], batch.query_y[i]))
            return sum(losses) / len(losses)
        """,
        """
        def meta_loss_after(theta, batch, alpha, steps):
            losses = torch.zeros(len(batch))
            for i, (sx, sy, qx, qy) in enumerate(zip(*batch)):
                fast = [p.clone() for p in theta]
                k = 0
                while k < steps:
                    g = torch.autograd.grad(F.mse_loss(network(fast, sx), sy), fast, create_graph=True)
                    for j in range(len(fast)):
                        fast[j] = fast[j] - alpha * g[j]
                    k += 1
                losses[i] = F.mse_loss(network(fast, qx), qy)
            return losses.mean()
        """,
        """
        def meta_loss_after(theta, batch, alpha, steps):
            def one(sx, sy, qx, qy):
                fast = list(theta)
                for _ in range(steps):
                    g = torch.func.grad(lambda t: F.mse_loss(network(t, sx), sy))(fast)
                    fast = [p - alpha * q for p, q in zip(fast, g)]
                return F.mse_loss(network(fast, qx), qy)
            return torch.func.vmap(one)(batch.support_x, batch.support_y, batch.query_x, batch.query_y).mean()
        """,
        """
        def meta_loss_after(theta, batch, alpha, steps):
            mean = 0
            T = len(batch)
            for i in range(T):
                fast = theta
                for step in range(steps):
                    loss = F.mse_loss(network(fast, batch.support_x[i]), batch.support_y[i])
                    gs = torch.autograd.grad(loss, fast, create_graph=True, retain_graph=True)
                    fast = [w.sub(g, alpha=alpha) for w, g in zip(fast, gs)]
                mean += F.mse_loss(network(fast, batch.query_x[i]), batch.query_y[i]) / T
            return mean
        """,
    ],
    "03/meta-gradient": [
        """
        def second_order_gradient(support_loss, query_loss, theta, alpha):
            return torch.func.grad(lambda t: query_loss(t - alpha * torch.func.grad(support_loss)(t)))(theta)
        """,
        """
        def second_order_gradient(support_loss, query_loss, theta, alpha):
            g = torch.autograd.grad(support_loss(theta), theta)[0]
            H = torch.autograd.functional.hessian(support_loss, theta.detach())
            point = (theta - alpha * g).detach().requires_grad_()
            v = torch.autograd.grad(query_loss(point), point)[0]
            return v - alpha * H @ v
        """,
        """
        def second_order_gradient(support_loss, query_loss, theta, alpha):
            theta = theta.detach().requires_grad_()
            g, = torch.autograd.grad(support_loss(theta), theta, create_graph=True)
            query_loss(theta - alpha * g).backward()
            return theta.grad
        """,
        """
        def second_order_gradient(support_loss, query_loss, theta, alpha):
            g, = torch.autograd.grad(support_loss(theta), theta, create_graph=True)
            moved = (theta - alpha * g).detach().requires_grad_()
            v, = torch.autograd.grad(query_loss(moved), moved)
            hv, = torch.autograd.grad(g, theta, grad_outputs=v)
            return v - alpha * hv
        """,
        """
        def second_order_gradient(support_loss, query_loss, theta, alpha):
            J = torch.func.jacrev(lambda t: t - alpha * torch.func.grad(support_loss)(t))(theta)
            moved = theta - alpha * torch.func.grad(support_loss)(theta)
            return J.T @ torch.func.grad(query_loss)(moved)
        """,
        """
        def second_order_gradient(support_loss, query_loss, theta, alpha):
            inner = torch.autograd.grad(support_loss(theta), [theta], create_graph=True)
            adapted = theta - inner[0] * alpha
            return torch.autograd.grad(outputs=query_loss(adapted), inputs=[theta])[0].detach().clone()
        """,
    ],
    "03/first-order": [
        """
        def first_order_gradient(support_loss, query_loss, theta, alpha):
            g = torch.autograd.grad(support_loss(theta), theta)[0]
            point = (theta - alpha * g).detach().requires_grad_()
            return torch.autograd.grad(query_loss(point), point)[0]
        """,
        """
        def first_order_gradient(support_loss, query_loss, theta, alpha):
            return torch.func.grad(query_loss)(theta - alpha * torch.func.grad(support_loss)(theta))
        """,
        """
        def first_order_gradient(support_loss, query_loss, theta, alpha):
            g, = torch.autograd.grad(support_loss(theta), theta, create_graph=True)
            return torch.autograd.grad(query_loss(theta - alpha * g.detach()), theta)[0]
        """,
        """
        def first_order_gradient(support_loss, query_loss, theta, alpha):
            t = theta.clone().detach().requires_grad_(True)
            g = torch.autograd.grad(support_loss(t), t)[0]
            query_loss(t - alpha * g).backward()
            return t.grad
        """,
        """
        def first_order_gradient(support_loss, query_loss, theta, alpha):
            with torch.enable_grad():
                inner = torch.func.grad(support_loss)(theta.detach())
            return torch.func.jacrev(lambda t: query_loss(t - alpha * inner))(theta.detach())
        """,
        """
        first_order_gradient = lambda s, q, t, a: torch.autograd.grad(
            q(t - a * torch.autograd.grad(s(t), t)[0]), t)[0]
        """,
    ],
    "03/alpha": [
        "alpha_limit = 0.2",
        "alpha_limit = 1 / 5",
        "import torch\nalpha_limit = torch.tensor(0.2)",
        "alpha_limit = 2 / max(1, 10)",
        "import fractions\nalpha_limit = fractions.Fraction(1, 5)",
        "import numpy\nalpha_limit = numpy.float32(0.2)",
    ],
}

GRAPH = "graph"
WRONG = {
    "03/inner-step": [
        ("def inner_step_by_hand(theta, x, y, alpha):\n"
         "    theta = theta.clone().requires_grad_()\n"
         "    loss = ((theta[0] * x + theta[1] - y) ** 2).mean()\n"
         "    return theta.detach() - alpha * torch.autograd.grad(loss, theta)[0]", "by hand"),
        ("def inner_step_by_hand(theta, x, y, alpha):\n"
         "    theta = theta.clone().requires_grad_()\n"
         "    ((theta[0] * x + theta[1] - y) ** 2).mean().backward()\n"
         "    return (theta - alpha * theta.grad).detach()", "by hand"),
        ("def inner_step_by_hand(theta, x, y, alpha):\n"
         "    loss = lambda t: ((t[0] * x + t[1] - y) ** 2).mean()\n"
         "    return theta - alpha * torch.func.grad(loss)(theta)", "by hand"),
        ("def inner_step_by_hand(theta, x, y, alpha):\n"
         "    loss = lambda t: ((t[0] * x + t[1] - y) ** 2).mean()\n"
         "    return theta - alpha * torch.func.jacfwd(loss)(theta)", "by hand"),
        ("def inner_step_by_hand(theta, x, y, alpha):\n"
         "    r = theta[0] * x + theta[1] - y\n"
         "    return theta + alpha * torch.stack([(2 * r * x).mean(), (2 * r).mean()])", "uphill"),
        ("def inner_step_by_hand(theta, x, y, alpha):\n"
         "    r = y - (theta[0] * x + theta[1])\n"
         "    return theta - alpha * torch.stack([(2 * r * x).mean(), (2 * r).mean()])", "uphill"),
        ("def inner_step_by_hand(theta, x, y, alpha):\n"
         "    r = theta[0] * x + theta[1] - y\n"
         "    return theta - alpha * torch.stack([(r * x).mean(), r.mean()])", "factor 2"),
        ("def inner_step_by_hand(theta, x, y, alpha):\n"
         "    r = theta[0] * x + theta[1] - y\n"
         "    return theta - alpha * 2 * torch.stack([r @ x, r.sum()])", "summed"),
        ("def inner_step_by_hand(theta, x, y, alpha):\n"
         "    r = theta[0] * x + theta[1] - y\n"
         "    return -alpha * torch.stack([(2 * r * x).mean(), (2 * r).mean()])", ""),
        ("def inner_step_by_hand(theta, x, y, alpha):\n"
         "    r = theta[0] * x + theta[1] - y\n"
         "    return torch.stack([(2 * r * x).mean(), (2 * r).mean()])", ""),
        ("def inner_step_by_hand(theta, x, y, alpha):\n"
         "    r = theta[0] * x + theta[1] - y\n"
         "    return theta - alpha * torch.stack([(2 * r).mean(), (2 * r).mean()])", ""),
        ("def inner_step_by_hand(theta, x, y, alpha):\n"
         "    r = theta[0] * x + theta[1]\n"
         "    return theta - alpha * torch.stack([(2 * r * x).mean(), (2 * r).mean()])", ""),
        ("def inner_step_by_hand(theta, x, y, alpha):\n"
         "    r = theta[0] * x + theta[1] - y\n"
         "    theta = theta - alpha * torch.stack([(2 * r * x).mean(), (2 * r).mean()])", "return"),
        ("def inner_step_by_hand(theta, x, y, alpha):\n"
         "    return theta", ""),
    ],
    "03/one-line": [
        (f"def inner_step_in_one_line(loss, theta, x, y, alpha):\n    {body}", said)
        for body, said in [
            ("return theta + alpha * torch.func.grad(loss)(theta, x, y)", "uphill"),
            ("return theta - torch.func.grad(loss)(theta, x, y)", "alpha"),
            ("return theta - alpha * torch.autograd.grad(loss(theta, x, y), theta)[0]", GRAPH),
            ("return theta - alpha * torch.func.grad(loss)(theta, x, y).data", GRAPH),
            ("return (theta - alpha * torch.func.grad(loss)(theta, x, y)).detach()", GRAPH),
            ("return theta.data - alpha * torch.func.grad(loss)(theta, x, y)", GRAPH),
            ("return theta - alpha * torch.func.grad(loss, argnums=(0, 1))(theta, x, y)", ""),
            ("return alpha * torch.func.grad(loss)(theta, x, y)", ""),
            ("return theta - alpha * loss(theta, x, y)", ""),
            ("return theta - alpha * torch.func.grad(loss)(x, theta, y)", ""),
            ("theta - alpha * torch.func.grad(loss)(theta, x, y)", "return"),
            ("return torch.func.grad(loss)(theta, x, y)", ""),
        ]
    ],
    "03/meta-loss": [
        (text, said)
        for text, said in [
            ("S:grad = torch.autograd.grad(F.mse_loss(network(fast, sx), sy), fast)", GRAPH),
            ("A:fast = [p - alpha * g.detach() for p, g in zip(fast, grad)]", GRAPH),
            ("A:fast = [(p - alpha * g).detach().requires_grad_() for p, g in zip(fast, grad)]", GRAPH),
            ("R:return torch.stack(losses).mean().detach()", GRAPH),
            ("R:return torch.stack(losses).mean().item()", GRAPH),
            ("R:return torch.tensor([float(loss) for loss in losses]).mean()", GRAPH),
            ("R:return torch.stack(losses).sum()", "sum"),
            ("R:return losses[-1]", ""),
            ("R:return torch.stack(losses)", ""),
            ("A:fast = [p + alpha * g for p, g in zip(fast, grad)]", "uphill"),
            ("A:fast = [p - g for p, g in zip(fast, grad)]", "alpha"),
            ("N:for _ in range(1):", "step"),
            ("N:for _ in range(steps - 1):", "step"),
            ("N:for _ in range(steps + 1):", "step"),
            ("S:grad = torch.autograd.grad(F.mse_loss(network(fast, qx), qy), fast, create_graph=True)",
             "query"),
            ("S:grad = torch.autograd.grad(F.mse_loss(network(theta, sx), sy), theta, create_graph=True)",
             "θ"),
            ("Q:losses.append(F.mse_loss(network(fast, sx), sy))", "support"),
            ("Q:losses.append(F.mse_loss(network(theta, qx), qy))", "θ"),
            ("Q:losses.append(F.l1_loss(network(fast, qx), qy))", ""),
            ("Q:losses.append(F.mse_loss(network(fast, qx), qy, reduction='sum'))", "sum"),
        ]
    ],
    "03/meta-gradient": [
        (f"def second_order_gradient(support_loss, query_loss, theta, alpha):\n    {body}", said)
        for body, said in [
            ("g = torch.autograd.grad(support_loss(theta), theta)[0]\n"
             "    return torch.autograd.grad(query_loss(theta - alpha * g), theta)[0]", "first-order"),
            ("g = torch.autograd.grad(support_loss(theta), theta, create_graph=True)[0]\n"
             "    moved = theta - alpha * g\n"
             "    return torch.autograd.grad(query_loss(moved), moved)[0]", "first-order"),
            ("g = torch.autograd.grad(support_loss(theta), theta, create_graph=True)[0].detach()\n"
             "    return torch.autograd.grad(query_loss(theta - alpha * g), theta)[0]", "first-order"),
            ("return torch.autograd.grad(query_loss(theta), theta)[0]", "θ"),
            ("return torch.autograd.grad(support_loss(theta), theta)[0]", ""),
            ("g = torch.autograd.grad(support_loss(theta), theta, create_graph=True)[0]\n"
             "    return torch.autograd.grad(support_loss(theta - alpha * g), theta)[0]", "support"),
            ("g = torch.autograd.grad(query_loss(theta), theta, create_graph=True)[0]\n"
             "    return torch.autograd.grad(query_loss(theta - alpha * g), theta)[0]", ""),
            ("g = torch.autograd.grad(query_loss(theta), theta, create_graph=True)[0]\n"
             "    return torch.autograd.grad(support_loss(theta - alpha * g), theta)[0]", ""),
            ("g = torch.autograd.grad(support_loss(theta), theta, create_graph=True)[0]\n"
             "    return torch.autograd.grad(query_loss(theta + alpha * g), theta)[0]", "uphill"),
            ("g = torch.autograd.grad(support_loss(theta), theta, create_graph=True)[0]\n"
             "    return torch.autograd.grad(query_loss(theta - g), theta)[0]", "alpha"),
            ("g = torch.autograd.grad(support_loss(theta), theta, create_graph=True)[0]\n"
             "    return torch.autograd.grad(query_loss(theta.detach() - alpha * g), theta)[0]", ""),
            ("g = torch.autograd.grad(support_loss(theta), theta, create_graph=True)[0]\n"
             "    return query_loss(theta - alpha * g)", ""),
            ("g = torch.autograd.grad(support_loss(theta), theta, create_graph=True)[0]\n"
             "    return torch.autograd.grad(query_loss(theta - alpha * g), theta)", ""),
            ("g = torch.autograd.grad(support_loss(theta), theta, create_graph=True)[0]\n"
             "    return alpha * torch.autograd.grad(query_loss(theta - alpha * g), theta)[0]", ""),
        ]
    ],
    "03/first-order": [
        (f"def first_order_gradient(support_loss, query_loss, theta, alpha):\n    {body}", said)
        for body, said in [
            ("g = torch.autograd.grad(support_loss(theta), theta, create_graph=True)[0]\n"
             "    return torch.autograd.grad(query_loss(theta - alpha * g), theta)[0]", "second-order"),
            ("return torch.autograd.grad(query_loss(theta), theta)[0]", "θ"),
            ("return torch.autograd.grad(support_loss(theta), theta)[0]", ""),
            ("g = torch.autograd.grad(support_loss(theta), theta)[0]\n"
             "    return torch.autograd.grad(support_loss(theta - alpha * g), theta)[0]", "support"),
            ("g = torch.autograd.grad(support_loss(theta), theta)[0]\n"
             "    return torch.autograd.grad(query_loss(theta + alpha * g), theta)[0]", "uphill"),
            ("g = torch.autograd.grad(support_loss(theta), theta)[0]\n"
             "    return torch.autograd.grad(query_loss(theta - g), theta)[0]", "alpha"),
            ("g = torch.autograd.grad(query_loss(theta), theta)[0]\n"
             "    return torch.autograd.grad(query_loss(theta - alpha * g), theta)[0]", ""),
            ("g = torch.autograd.grad(support_loss(theta), theta, create_graph=True)[0]\n"
             "    return torch.autograd.grad(query_loss(theta.detach() - alpha * g), theta)[0]", "detached"),
            ("g = torch.autograd.grad(support_loss(theta), theta)[0]\n"
             "    return alpha * torch.autograd.grad(query_loss(theta - alpha * g), theta)[0]", ""),
            ("return torch.zeros_like(theta)", ""),
            ("g = torch.autograd.grad(support_loss(theta), theta)[0]\n"
             "    return theta - alpha * g", ""),
            ("g = torch.autograd.grad(support_loss(theta), theta)[0]\n"
             "    torch.autograd.grad(query_loss(theta - alpha * g), theta)[0]", "return"),
        ]
    ],
    "03/alpha": [
        (f"alpha_limit = {value}", said)
        for value, said in [
            ("2", "flat"), ("0.1", "1/h"), ("2 / 11", "compromise"), ("1", "fastest"), ("10", "curvature"),
            ("20", ""), ("5", ""), ("-0.2", ""), ("0.19", ""), ("0.4", ""), ("'0.2'", ""), ("0", ""),
        ]
    ],
}  # fmt: skip

META_LOSS = {
    "D": "def meta_loss_after(theta, batch, alpha, steps):\n    losses = []",
    "I": "    for sx, sy, qx, qy in zip(*batch):\n        fast = theta",
    "N": "        for _ in range(steps):",
    "S": "            grad = torch.autograd.grad(F.mse_loss(network(fast, sx), sy), fast, create_graph=True)",
    "A": "            fast = [p - alpha * g for p, g in zip(fast, grad)]",
    "Q": "        losses.append(F.mse_loss(network(fast, qx), qy))",
    "R": "    return torch.stack(losses).mean()",
}  # a right answer, line by line; "S:..." puts another in the place of one


def written_out(code):
    """The whole of an answer that names only the line of META_LOSS in which it differs."""
    mark, colon, line = code.partition(":")
    if mark not in META_LOSS or not colon:
        return textwrap.dedent(code)
    indent = " " * (len(META_LOSS[mark]) - len(META_LOSS[mark].lstrip()))
    return "\n".join({**META_LOSS, mark: indent + line}.values())


def judged(id, code):
    exercise = exercises.get(id)
    return exercise.judge(exercise.build(written_out(code)))


@pytest.mark.parametrize("id, code", [(id, code) for id, codes in RIGHT.items() for code in codes])
def test_right_answers_pass(id, code):
    assert judged(id, code).status == "passed", judged(id, code).message


@pytest.mark.parametrize("id, code, said", [(id, *case) for id, cases in WRONG.items() for case in cases])
def test_wrong_answers_do_not_and_are_told_what_they_did(id, code, said):
    outcome = judged(id, code)
    assert outcome.status == "rejected"
    assert said in outcome.message
