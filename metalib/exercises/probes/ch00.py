"""Probes of chapter 0."""

from metalib.exercises.probes import probe


@probe("00/warm-up")
def probe_warm_up(mean_loss):
    return {"[1, 2, 6]": mean_loss([1, 2, 6]), "[0.5, 0.25]": mean_loss([0.5, 0.25])}
