"""Options that change nothing without another one, or next to another one: they are refused, and not ignored.

What counts is what the command line gives: a recipe or a file may hold an option for other calls than this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.config import fields_of
from shgae.errors import Refused
from shgae.option_lists import chosen_arms, wanted_parts
from shgae.recipe_parts import HeatmapConfig

Values = Mapping[str, Any]
"""What a command is called with, by the names of its parameters; the config too."""


@dataclass(frozen=True)
class Needs:
    """Options of a command that change nothing by themselves."""

    options: tuple[str, ...]
    """Names of parameters or of fields of the config: split_by."""
    other: str
    """What they need, as typed: --hold-out N."""
    is_there: Callable[[Values], bool]
    """Whether it is given."""
    how: str = "without"
    """How the other one stands to them: without it, or next to it, they change nothing."""

    def check(self, values: Values, given: Iterable[str]) -> None:
        """Raises :class:`Refused` where the command line sets one of the options, by name, and not what it needs."""
        given = {*given}
        alone = [name for name in self.options if name in given]
        if alone and not self.is_there(values):
            option = f"--{alone[0].replace('_', '-')}"
            fix = f"{self.other}, or no {option}" if self.how == "without" else f"{option} or {self.other}"
            raise Refused("option", option, f"it changes nothing {self.how} {self.other}", fix)


def check_needs(command: str, values: Values, given: Iterable[str]) -> None:
    """See :meth:`Needs.check`, for each that the command has in :data:`NEEDS`."""
    for one in NEEDS.get(command, ()):
        one.check(values, given)


def _alone(option: str, *others: str) -> Needs:
    """An option that changes nothing where one of the others says what to do."""
    names = " or ".join(f"--{other.replace('_', '-')}" for other in others)
    return Needs((option,), names, lambda values: not any(values[other] for other in others), "next to")


def _part(option: str, name: str) -> Needs:
    return Needs((option,), f"--parts {name}", lambda values: name in wanted_parts(values["config"].parts))


def _arm(option: str, *names: str) -> Needs:
    arms = f"--arms with {' or '.join(names)}"
    return Needs((option,), arms, lambda values: not {*names}.isdisjoint(chosen_arms(values["config"].arms)))


def _has_other_arms(values: Values) -> bool:
    from shgae.experiments.study.arms import COMPARED

    arms = {*chosen_arms(values["config"].arms)}
    primary = next(({*pair} for pair in COMPARED if {*pair} <= arms), arms)
    return arms > primary


def _has_evaluation(values: Values) -> bool:
    from shgae.artifacts.folders import report_of
    from shgae.artifacts.store import open_artifact

    opened = (open_artifact(report_of(path), verify=False) for path in values["inputs"])
    return any(one.manifest.kind == "evaluation" for one in opened)


_MAPS = tuple(field.name for field in fields_of(HeatmapConfig))

NEEDS: Mapping[str, tuple[Needs, ...]] = {
    "prepare": (
        Needs(
            ("split_by",),
            "--hold-out N or --hold-out-val N",
            lambda values: values["config"].hold_out + values["config"].hold_out_val > 0,
        ),
        Needs(("crop_policy", "margin"), "--square study", lambda values: values["config"].square == "study"),
    ),
    "evaluate": (
        Needs(("decode", "flip_test"), "an hourglass", lambda values: not all(map(Path.is_file, values["models"]))),
    ),
    "predict": (Needs(("nms",), "--boxes JSON", lambda values: values["boxes"] is not None),),
    "show": (
        Needs(_MAPS, "--targets", lambda values: values["config"].targets),
        Needs(("sigmas",), "PREDICTIONS", lambda values: values["predictions"] is not None),
    ),
    "report": (
        Needs(("people", "between"), "an evaluation", _has_evaluation),
        Needs(("between",), "--people N", lambda values: values["config"].people > 0),
    ),
    "analyze": (_part("clusters", "clusters"), _part("traversals", "traversals"), _part("unit_people", "code-units")),
    "study": (
        Needs(("other_seeds",), "arms outside the primary comparison", _has_other_arms),
        Needs(("code_seeds",), "--code-sizes", lambda values: bool(values["config"].code_sizes)),
        _arm("arm_dropout", "dropout"),
        _arm("arm_weight_decay", "weight-decay"),
        _arm("arm_augment", "none+augment", "full+augment"),
        _alone("dry_run", "plan"),
        _alone("only", "plan", "dry_run"),
        _alone("jobs", "plan", "dry_run", "only"),
    ),
}
"""By command; a test holds the names to its options."""
