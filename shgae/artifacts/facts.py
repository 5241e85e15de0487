"""What an artefact says of itself, believed only as far as it makes sense.

The id of a manifest tells that nothing was changed by accident. Whoever writes a new one can give it a fitting id and
yet leave out, or turn round, what every reader takes for granted; then the reader refuses it by the fact's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from shgae.artifacts.strict_json import is_number
from shgae.config import fields_of
from shgae.errors import AGAIN, Refused, quoted
from shgae.recipes import HeatmapConfig, PrepareConfig
from shgae.skeleton import Skeleton

_MOST = 2**53
"""Larger numbers count and measure nothing."""


class Facts(Mapping[str, Any]):
    """The facts of one manifest; each is checked when it is read."""

    def __init__(self, facts: Mapping[str, Any], where: Path) -> None:
        self._facts = facts
        self._where = where

    def __getitem__(self, name: str) -> Any:
        """A fact.

        Raises:
            Refused: the manifest lacks it, or its value is none that a fact of this name can have.
        """
        if name not in self._facts:
            raise Refused(f"fact {name}", self._where, "its manifest lacks it", AGAIN)
        value = self._facts[name]
        if name in _CHECKS and not _is_fit(value, _CHECKS[name]):
            why = f"{quoted(value, 60)} makes no sense"
            raise Refused(f"fact {name}", self._where, why, AGAIN)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """A fact that may be lacking, but not be nonsense."""
        return self[name] if name in self._facts else default

    def __contains__(self, name: object) -> bool:
        return name in self._facts

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)


def _is_fit(value: Any, check: Callable[[Any], bool]) -> bool:
    try:
        return check(value)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, Refused):
        return False


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MOST


def _category(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63  # as a COCO JSON may have it


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _counts(value: Any) -> bool:
    return all(_count(count) for count in value.values())


def _list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _skeleton(value: Any) -> bool:
    skeleton = Skeleton.from_json(value)
    ends = [end for pair in (*skeleton.limbs, *skeleton.flip_pairs) for end in pair]
    return _list_of(_text)(value["names"]) and all(0 <= end < len(skeleton) for end in ends)


def _as_option(name: str) -> Callable[[Any], bool]:
    """What the option of that name takes: what was accepted when it was made is accepted when it is read."""
    field = next(one for one in fields_of(PrepareConfig) if one.name == name)
    return lambda value: field.check(value) is not None  # or it raises


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "cell_rule": lambda value: value in ("round", "floor"),
    "category_id": _category,
    "category_ids": lambda value: all(map(_category, value.values())),
    "context": _as_option("context"),
    "crop_policy": _as_option("crop_policy"),
    "crop_size": lambda value: _count(value) and 0 < value <= 4096,
    "dropped": _counts,
    "figures": _list_of(_text),
    "heatmap": lambda value: bool(HeatmapConfig(**value)),  # which checks itself
    "limit": lambda value: value is None or (_count(value) and value > 0),
    "made_by": _text,
    "margin": _as_option("margin"),
    "mean_rgb": lambda value: _list_of(is_number)(value) and len(value) == 3 and all(0 <= one <= 1 for one in value),
    "model_stacks": _count,
    "parameters": _count,
    "same_photos": lambda value: all(map(_list_of(_list_of(lambda one: type(one) is int)), value.values())),
    "shared_photos": _counts,
    "shape": lambda value: _list_of(_count)(value) and len(value) == 3 and all(value),
    "skeleton": _skeleton,
    "spec": lambda value: isinstance(value, dict),
    "square": _as_option("square"),
    "splits": _counts,
    "val_pck": lambda value: is_number(value) and 0 <= value <= 1,
    "stacks": lambda value: _list_of(lambda stack: type(stack) is int and -1 <= stack < _MOST)(value) and bool(value),
}
"""By the name of a fact or option, which means the same in every kind; what only people read is not here."""
