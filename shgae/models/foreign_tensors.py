"""Where in a checkpoint the network is, in whatever wrapper, list or trainer, and its tensors as plain numbers.

The network is told by the names of its tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from shgae.errors import printable, shortened
from shgae.models.checkpoint_formats import CHECKPOINT_FORMATS, OWN
from shgae.models.foreign_objects import is_array
from shgae.models.zoo import VARIANCE
from shgae.wording import few

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights", "params")
"""Names that mean the network itself, the likeliest first."""
_NEUTRAL = ("module", "_orig_mod")
"""What DataParallel and torch.compile put before every name."""
_MOST_VIEWS = 16
"""How often a number of the file may be in a tensor: eight stacks may share one autoencoder."""
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_COUNTER = "num_batches_tracked"
STATE_DICT = "a file that torch.save(model.state_dict(), FILE) made"


class _Fault(Exception):
    """What is wrong, for which ``fix`` is the remedy."""

    def __init__(self, why: str, fix: str = STATE_DICT) -> None:
        super().__init__(why)
        self.fix = fix


class AmbiguousNetwork(_Fault):
    """There is no tensor, or there are several networks; the text says what was found."""


class NotPlain(_Fault):
    """What is wrong with a tensor."""


def find_network(loaded: object) -> tuple[dict[str, Tensor], str]:
    """The network in what a checkpoint holds, or, of an unknown family, what its likeliest wrapper holds.

    Returns:
        Its tensors by the names that its family gives them; and where they were, and what lies next to them, where that
        is worth a word, else "".

    Raises:
        AmbiguousNetwork: it holds no tensor, or more than one network that could be meant.
    """
    tensors = _tensors_in(loaded)
    if not tensors:
        if any(is_array(value) for _, value in _leaves(loaded)):
            fix = "a file of tensors: torch.from_numpy of each array"
            raise AmbiguousNetwork("it holds arrays of numpy in place of tensors", fix)
        raise AmbiguousNetwork(f"it holds no tensor{_held(loaded)}")
    prefix = _prefix(tensors)
    if prefix is None:
        return _unknown(loaded) or tensors, ""
    chosen = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    beside = [name for name in tensors if not name.startswith(prefix) and not name.startswith("optim")]
    usual = all(part in (*WRAPPERS, *_NEUTRAL, "") for part in prefix.split("."))
    if usual and not beside:
        return chosen, ""
    note = f"the network is what it holds as {_shown(prefix.rstrip('.'))}" if prefix else "the network lies bare in it"
    others = f"; not taken: {few([_shown(name) for name in beside])}" if beside else ""
    return chosen, note + others


def as_weights(tensors: Mapping[str, Tensor], size: int | None = None) -> dict[str, Tensor]:
    """Tensors as a network takes them: each whole and of its own, float32 (counters: int64), and finite.

    They may claim no more than their file holds, which has ``size`` bytes; None looks at no bound.

    Raises:
        NotPlain: one is sparse, complex, quantised, without numbers, or holds numbers that no weight can have.
    """
    for name, value in tensors.items():
        _check_kind(shortened(name), value)
    if size is not None:
        _check_storages(tensors, size)
    return {name: _counted(one) if name.endswith(_COUNTER) else _weight(name, one) for name, one in tensors.items()}


def _check_kind(name: str, value: Tensor) -> None:
    if value.is_meta:
        raise NotPlain(f"{name} has a shape and no numbers (meta device)")
    if value.is_complex() or value.layout != torch.strided:
        raise NotPlain(f"{name} is not a plain tensor")
    if value.dtype not in _FLOATS and not name.endswith(_COUNTER):
        kind = str(value.dtype).removeprefix("torch.")
        raise NotPlain(f"{name} holds {kind}, where weights are float16, bfloat16, float32 or float64")


def _weight(name: str, value: Tensor) -> Tensor:
    found = value.detach().to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    if not found.isfinite().all():
        fix = "a checkpoint from before its training diverged"
        raise NotPlain(f"{shortened(name)} holds numbers that are not finite", fix)
    if name.endswith(VARIANCE) and (found < 0).any():
        raise NotPlain(f"{shortened(name)} holds a variance below 0", "a checkpoint that is not damaged")
    return found


def _counted(value: Tensor) -> Tensor:
    """The batches that a batch norm has seen; no result depends on them, and in float16 65,505 of them are infinite."""
    if value.is_floating_point():
        value = value.cpu().double().nan_to_num(0.0, 0.0, 0.0)
    return value.detach().to(torch.int64, copy=True).reshape(() if value.numel() == 1 else value.shape)


def _check_storages(tensors: Mapping[str, Tensor], size: int) -> None:
    """Refuses tensors that claim more numbers than the file holds: repeated by a stride of 0, or packed."""
    storages: dict[int, int] = {}
    views = 0
    for name, value in tensors.items():
        storage, claimed = value.untyped_storage(), value.numel() * value.element_size()
        if claimed > storage.nbytes():
            raise NotPlain(f"{shortened(name)} claims {claimed:,} bytes, the file holds {storage.nbytes():,} of it")
        storages[storage.data_ptr()] = storage.nbytes()
        views += claimed
    if sum(storages.values()) > size or views > _MOST_VIEWS * size:
        raise NotPlain(f"its tensors claim {max(views, sum(storages.values())):,} bytes, the file holds {size:,}")


def _tensors_in(loaded: object) -> dict[str, Tensor]:
    """Every tensor by the way to it, in order, with dots between."""
    found: dict[str, Tensor] = {}
    for way, value in _leaves(loaded):
        if isinstance(value, Tensor) and found.setdefault(way, value) is not value:
            raise AmbiguousNetwork(f"it holds two tensors called {_shown(way)}")
    return found


def _leaves(loaded: object) -> Iterator[tuple[str, object]]:
    """Every value that holds no others, with the way to it."""
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [("", loaded)]
    while waiting:
        way, value = waiting.pop()
        if not isinstance(value, Mapping | list | tuple):
            yield way, value
            continue
        if id(value) in seen:
            continue
        seen.add(id(value))
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        inner = [(f"{way}.{key}" if way else str(key), one) for key, one in items if isinstance(key, str | int)]
        waiting += reversed(inner)


def _prefix(tensors: Mapping[str, Tensor]) -> str | None:
    """What stands before every name of the network; None where neither a family's names nor ours are found."""
    known = [checkpoint_format.known_by for checkpoint_format in CHECKPOINT_FORMATS]
    found = _before(tensors, known) or _before(tensors, [OWN])
    outer = [one for one in found if not any(one != other and one.startswith(other) for other in found)]
    ranked = sorted(outer, key=lambda one: (_rank(one), one))
    if len(ranked) > 1 and _rank(ranked[0]) == _rank(ranked[1]):
        names = few([_shown(one.rstrip(".")) for one in ranked])
        why = f"it holds {len(ranked)} networks ({names}), and which one is meant is not clear"
        raise AmbiguousNetwork(why, "a file that torch.save made of the one that is meant")
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
    return f", but {few([_shown(str(key)) for key in loaded])}" if loaded else ""


def _shown(name: str) -> str:
    return printable(shortened(name, 40))
