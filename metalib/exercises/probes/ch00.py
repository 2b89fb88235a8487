"""Probes of chapter 0."""

from metalib.exercises.probes import N_, probe


@probe("00/warm-up")
def probe_warm_up(mean_loss, draw):
    return {
        N_("whole numbers"): mean_loss([draw.whole(1, 9) for _task in range(draw.whole(3, 6))]),
        N_("broken numbers"): mean_loss([draw.number(0.1, 2.0) for _task in range(draw.whole(2, 5))]),
    }
