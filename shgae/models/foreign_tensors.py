"""Where in a checkpoint the network is, in whatever wrapper, list or trainer, told by the names of its tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from shgae.errors import printable, shortened
from shgae.models.checkpoint_formats import CHECKPOINT_FORMATS, OWN

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights", "params")
"""Names that mean the network itself, the likeliest first."""
_NEUTRAL = ("module", "_orig_mod")
"""What DataParallel and torch.compile put before every name."""
_MOST_NAMED = 3


class AmbiguousNetwork(Exception):
    """There is no tensor, or there are several networks; the text says what was found."""


class Found(NamedTuple):
    """The tensors of one network."""

    tensors: dict[str, Tensor]
    """By the names that its family gives them."""
    note: str
    """Where they were, and what lies next to them, where that is worth a word; else empty."""


def find_network(loaded: object) -> Found:
    """The network in what a checkpoint holds, or, of an unknown family, what its likeliest wrapper holds.

    Raises:
        AmbiguousNetwork: it holds no tensor, or more than one network that could be meant.
    """
    tensors = _tensors_in(loaded)
    if not tensors:
        raise AmbiguousNetwork(f"it holds no tensor{_held(loaded)}")
    prefix = _prefix(tensors)
    if prefix is None:
        return Found(_unknown(loaded) or tensors, "")
    chosen = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    beside = [name for name in tensors if not name.startswith(prefix) and not name.startswith("optim")]
    usual = all(part in (*WRAPPERS, *_NEUTRAL, "") for part in prefix.split("."))
    if usual and not beside:
        return Found(chosen, "")
    note = f"the network is what it holds as {_shown(prefix.rstrip('.'))}" if prefix else "the network lies bare in it"
    more = f" and {len(beside) - _MOST_NAMED:,} more" if len(beside) > _MOST_NAMED else ""
    others = f"; not taken: {', '.join(map(_shown, beside[:_MOST_NAMED]))}{more}" if beside else ""
    return Found(chosen, note + others)


def _tensors_in(loaded: object) -> dict[str, Tensor]:
    """Every tensor by the way to it, in order, with dots between."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [("", loaded)]
    while waiting:
        way, value = waiting.pop()
        if isinstance(value, Tensor):
            found[way] = value
        if not isinstance(value, Mapping | list | tuple) or id(value) in seen:
            continue
        seen.add(id(value))
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        inner = [(f"{way}.{key}" if way else str(key), one) for key, one in items if isinstance(key, str | int)]
        waiting += reversed(inner)
    return found


def _prefix(tensors: Mapping[str, Tensor]) -> str | None:
    """What stands before every name of the network; None where neither a family's names nor ours are found."""
    known = [checkpoint_format.known_by for checkpoint_format in CHECKPOINT_FORMATS]
    found = _before(tensors, known) or _before(tensors, [OWN])
    outer = [one for one in found if not any(one != other and one.startswith(other) for other in found)]
    ranked = sorted(outer, key=lambda one: (_rank(one), one))
    if len(ranked) > 1 and _rank(ranked[0]) == _rank(ranked[1]):
        names = ", ".join(_shown(one.rstrip(".")) for one in ranked[:_MOST_NAMED])
        raise AmbiguousNetwork(f"it holds {len(ranked)} networks ({names}), and which one is meant is not clear")
    return ranked[0] if ranked else None


def _before(names: Iterable[str], beginnings: Sequence[str]) -> set[str]:
    """What stands before these beginnings in the names that have one."""
    places = ((name, f".{name}".find(f".{one}")) for name in names for one in beginnings)
    return {name[:place] for name, place in places if place >= 0}


def _rank(prefix: str) -> tuple[int, ...]:
    parts = [part for part in prefix.split(".") if part and part not in _NEUTRAL]
    return tuple(WRAPPERS.index(part) if part in WRAPPERS else len(WRAPPERS) for part in parts)


def _unknown(loaded: object) -> dict[str, Tensor]:
    """The tensors by name, from whichever known wrapper holds some, else those that lie bare."""
    if not isinstance(loaded, Mapping):
        return {}
    for key in WRAPPERS:
        inner = loaded.get(key)
        if inner is not loaded and (found := _unknown(inner)):
            return found
    return {name: value for name, value in loaded.items() if isinstance(name, str) and isinstance(value, Tensor)}


def _held(loaded: object) -> str:
    if not isinstance(loaded, Mapping):
        return f", but a {type(loaded).__name__}"
    names = [_shown(str(key)) for key in loaded]
    return f", but {', '.join(names[:_MOST_NAMED])}{', ...' if len(names) > _MOST_NAMED else ''}" if names else ""


def _shown(name: str) -> str:
    return printable(shortened(name, 40))
