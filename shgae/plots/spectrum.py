"""How the variance falls over principal components."""

from __future__ import annotations

import itertools
import math
from typing import Any

from matplotlib.figure import Figure

from shgae.analysis.latent.spectrum import Spectrum
from shgae.plots.lettering import plain_powers
from shgae.plots.style import COLOURS, DASHES, new_figure, style
from shgae.wording import counted

_ROUNDING = 1e-6
"""Per cent of the variance."""


def spectrum_figure(bottleneck: Spectrum, code: Spectrum | None) -> Figure:
    """Draws each component's share of the variance (left) and what the first ones hold together (right)."""
    spectra = {"bottleneck": bottleneck} | ({"code": code} if code else {})
    with style():
        figure = new_figure(8.5, 3.7)
        left, right = figure.subplots(1, 2)
        for i, (name, one) in enumerate(spectra.items()):
            count = max(min(one.rank, len(one.shares)), 1)
            shares = [100 * share for share in one.shares[:count]]
            held = list(itertools.accumulate(shares))
            x = range(1, count + 1)
            how: dict[str, Any] = {"color": COLOURS[i], "linestyle": DASHES[i]}
            ring: dict[str, Any] = {"color": COLOURS[i], "marker": "o", "mfc": "none", "ms": 8, "ls": "none"}
            # The line ends where nothing but rounding is left, as of units that never vary.
            heights = [share if share > _ROUNDING else math.nan for share in shares]
            left.plot(x, heights, label=f"{name} ({counted(one.dimension, 'dimension')})", **how)
            right.plot(x, held, label=name, **how)
            for axes, line, k, said in (
                (left, shares, one.above_chance, f"{one.above_chance:,} above chance"),
                (right, held, one.components["95"], f"95 % in {one.components['95']:,}"),
            ):
                on = 0 < k <= count  # else the line ends before
                axes.plot([k] if on else [], [line[k - 1]] if on else [], label=said, **ring)
        for axes in (left, right):
            axes.set_xscale("log")
            plain_powers(axes.xaxis)
            axes.set_xlabel("principal component")
            # Above the picture: on it the labels of rings would run into curves.
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=8)
        # Nothing that does not vary has a logarithm.
        if any(max(one.shares, default=0) > 0 for one in spectra.values()):
            left.set_yscale("log")
            plain_powers(left.yaxis)
        left.set(ylabel="% of the variance, each")
        right.set(ylabel="% of the variance, together", ylim=(0, 102))
    return figure
