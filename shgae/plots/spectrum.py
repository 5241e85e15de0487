"""How the variance falls over principal components."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from shgae.plots.style import COLOURS, DASHES, new_figure, style

_ROUNDING = 1e-6
"""Per cent of the variance."""


def spectrum_figure(spectra: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draws each component's share of the variance (left) and what the first ones hold together (right).

    Args:
        spectra: by name (``bottleneck``, ``code``), as ``shgae analyze --json`` gives them: ``shares``,
            ``determined``, ``above_chance``, ``components``.
    """
    with style():
        figure = new_figure(8.5, 3.4)
        left, right = figure.subplots(1, 2)
        for i, (name, one) in enumerate(spectra.items()):
            count = max(min(one["determined"], len(one["shares"])), 1)
            shares = [100 * share for share in one["shares"][:count]]
            held = list(itertools.accumulate(shares))
            x = range(1, count + 1)
            how: dict[str, Any] = {"color": COLOURS[i], "linestyle": DASHES[i]}
            # The line ends where nothing but rounding is left, as of units that never speak.
            left.plot(
                x,
                [share if share > _ROUNDING else math.nan for share in shares],
                label=f"{name} ({one['numbers']:,} numbers)",
                **how,
            )
            if one["above_chance"]:
                k = one["above_chance"]
                left.plot([k], [shares[k - 1]], "o", mfc="none", color=COLOURS[i], ms=8)
                # Beside a falling curve: above it on the right, and below it on the left where the axis ends.
                place, side = ((8, 4), "left") if k * k <= count else ((-8, -8), "right")
                at = (k, shares[k - 1])
                left.annotate(f"{k} above chance", at, place, textcoords="offset points", fontsize=7, ha=side)
            k = one["components"]["95"]
            right.plot(x, held, label=f"{name}: 95 % in {k:,}", **how)
            if 0 < k <= count:
                right.plot([k], [held[k - 1]], "o", mfc="none", color=COLOURS[i], ms=8)
        for axes in (left, right):
            axes.set_xscale("log")
            axes.set_xlabel("principal component")
        left.set_yscale("log")
        left.set(title="share of the variance", ylabel="% of the variance")
        right.set(title="held by the first components", ylabel="% of the variance", ylim=(0, 102))
        left.legend()
        right.legend(loc="lower right")
    return figure
