"""A timeline as a figure: a scale of years, and one line of text for each work."""

from __future__ import annotations

from dataclasses import dataclass

from metalib import look
from metalib.i18n import N_, _

# Kind of work: what it is called, colour, marker.
KINDS = {
    "idea": (N_("the idea and its theory"), look.BLACK, "D"),
    "model": (N_("a network that learns in its activations"), look.VERMILION, "s"),
    "metric": (N_("a learned distance"), look.DARK_GREEN, "^"),
    "optimisation": (N_("a learned start or learning rule"), look.BLUE, "o"),
}


@dataclass(frozen=True)
class Work:
    """One work: year, authors (short), what it did (short), and its kind, a key of `KINDS`."""

    year: int
    authors: str
    what: str
    kind: str


WORKS = (
    Work(1987, "Schmidhuber", N_("programs that improve how they learn"), "idea"),
    Work(
        1991, "Bengio, Bengio & Cloutier", N_("a learning rule for synapses, itself learned"), "optimisation"
    ),
    Work(1993, "Bromley et al.", N_("Siamese networks: is it the same signature?"), "metric"),
    Work(1996, "Thrun", N_("is the n-th thing easier to learn than the first?"), "idea"),
    Work(1998, "Thrun & Pratt", N_("the book “Learning to Learn”"), "idea"),
    Work(2000, "Baxter", N_("how many tasks does it take? a theory"), "idea"),
    Work(2001, "Hochreiter et al.", N_("a recurrent network learns to learn"), "model"),
    Work(2006, "Fei-Fei et al.", N_("one picture of a new kind of object"), "idea"),
    Work(2015, "Lake et al.", N_("Omniglot: characters from one example"), "idea"),
    Work(2016, "Santoro et al.", N_("networks with an external memory"), "model"),
    Work(2016, "Vinyals et al.", N_("matching networks; training in episodes"), "metric"),
    Work(2016, "Duan et al.", N_("RL²: an agent that learns to explore"), "model"),
    Work(2016, "Andrychowicz et al.", N_("an optimiser that is a network, and learned"), "optimisation"),
    Work(2017, "Ravi & Larochelle", N_("a learned optimiser for few examples"), "optimisation"),
    Work(2017, "Finn et al.", N_("MAML: a start from which one step leads far"), "optimisation"),
    Work(2017, "Snell et al.", N_("ProtoNet: the nearest class mean"), "metric"),
    Work(2018, "Garnelo et al.", N_("conditional neural processes"), "model"),
    Work(2020, "Brown et al.", N_("GPT-3: learning from the examples in its prompt"), "model"),
)


def plot_timeline(works: tuple[Work, ...] = WORKS) -> look.CourseFigure:
    """The works, in the order of their years, on a scale of years; the text alternative names them all.

    Raises:
        ValueError: the years are not in order.
    """
    years = [work.year for work in works]
    if years != sorted(years):
        raise ValueError(_("The works must be in the order of their years."))
    words = _("; ").join(f"{work.year} {work.authors}: {_(work.what)}" for work in works)
    figure = look.figure(10, 1.2 + 0.36 * len(works), alt=_("A timeline. {words}.").format(words=words))
    axes = figure.subplots()
    first, last, rows = years[0], years[-1], len(works) - 1
    axes.set(xlim=(0, 100), ylim=(rows + 0.6, -0.6))
    axes.set_axis_off()
    axes.plot([4, 4], [0, rows], color=look.GREY, linewidth=3)
    for year in range(10 * (first // 10 + 1), last + 1, 10):
        height = rows * (year - first) / (last - first)
        axes.plot([2.8, 4], [height, height], color=look.GREY, linewidth=2)
        axes.text(2.3, height, str(year), ha="right", va="center", fontsize=look.SMALL, color="#444444")
    for row, work in enumerate(works):
        _name, colour, marker = KINDS[work.kind]
        height = rows * (work.year - first) / (last - first)
        axes.plot([4, 11, 12.5], [height, row, row], color=look.LIGHT_GREY, linewidth=1.5, zorder=1)
        axes.plot(4, height, marker="o", color=look.GREY, markersize=7, zorder=2)
        axes.plot(13.5, row, marker=marker, color=colour, markersize=9)
        axes.text(15.5, row, str(work.year), va="center", fontsize=look.TEXT, fontweight="bold", color=colour)
        axes.text(22, row, work.authors, va="center", fontsize=look.TEXT)
        axes.text(49, row, _(work.what), va="center", fontsize=look.TEXT)
    kinds = [
        axes.plot([], [], linestyle="none", marker=marker, color=colour, markersize=9, label=_(name))[0]
        for name, colour, marker in KINDS.values()
    ]
    look.legend(axes, handles=kinds, ncols=2)
    return figure
