"""Shares of joints found over the radius within which they count, a line a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shgae.metrics.pckh import Curve
from shgae.plots.lettering import label_of, legible
from shgae.plots.style import COLOURS, DASHES, Looks, new_figure, style

_ASIDE = "#888888"


@dataclass(frozen=True)
class RadiusPanel:
    """Curves of one measure."""

    title: str
    unit: str
    """What the radius is a share of."""
    models: Sequence[tuple[str, Curve]]
    """Name and curve, at least one."""
    aside: Sequence[tuple[str, Curve]]
    """What is no model, in grey."""


def radius_curves(panels: Sequence[RadiusPanel], title: str, looks: Looks | None = None) -> Figure:
    """Draws a panel a measure (at least one), side by side; the area under each curve stands in the legend."""
    with style():
        lines = max(len(panel.models) + len(panel.aside) for panel in panels)
        figure = new_figure(4.3 * len(panels) + 0.4, 3.6 + 0.17 * lines)
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            _panel(axes, panel, looks or {})
        figure.suptitle(legible(title), fontsize=9)
    return figure


def _panel(axes: Axes, panel: RadiusPanel, looks: Looks) -> None:
    for place, (name, curve) in enumerate(panel.models):
        colour = COLOURS[looks.get(name, place) % len(COLOURS)]
        _line(axes, name, curve, color=colour, ls=DASHES[place % 3], lw=1.6)
    for number, (name, curve) in enumerate(panel.aside):
        _line(axes, name, curve, color=_ASIDE, ls=DASHES[(number + 1) % len(DASHES)], lw=1.0)
    last = panel.models[0][1].radii[-1]
    axes.set(xlim=(0, last), ylim=(0, 100), xlabel=f"radius, share of {panel.unit}", ylabel="joints found (%)")
    axes.set_title(panel.title, fontsize=9)
    # Below the panel: no place inside is free of curves of good and of poor models.
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), fontsize=8, handlelength=3)


def _line(axes: Axes, name: str, curve: Curve, **look: Any) -> None:
    label = f"{label_of(name)} (AUC {100 * curve.auc:.1f} %)"
    axes.plot(curve.radii, [100 * share for share in curve.shares], label=label, **look)
