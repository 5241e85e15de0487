"""Where in a checkpoint the network is, in whatever wrapper, list or trainer, and its tensors as plain numbers.

The network is told by the names of its tensors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from shgae.errors import printable, shortened
from shgae.models.checkpoint_formats import CHECKPOINT_FORMATS, OWN
from shgae.models.foreign_objects import attributes_of, class_of, given_to, is_array, is_layer, is_module
from shgae.models.zoo import VARIANCE
from shgae.wording import few

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights", "params")
"""Names that mean the network itself."""
_NEUTRAL = "module"
"""What DataParallel puts before every name."""
_AROUND = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""What torch.compile, FSDP and checkpointing put into the names of the modules that they wrap."""
_IN_MODULE = re.compile(r"(?:^|\.)_(?:modules|parameters)\.")
"""What stands between a module of somebody's own class and the layers and weights in it."""
_MOST_VIEWS = 16
"""How often a number of the file may be in a tensor: eight stacks may share one autoencoder."""
_LONGEST_NAME = 1000
"""Characters of the name of a tensor."""
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_BARE = "top level"
"""The place of a network that no wrapper holds."""
_COUNTER = "num_batches_tracked"
STATE_DICT = "a file that torch.save(model.state_dict(), FILE) made"


class Fault(Exception):
    """What is wrong, for which ``fix`` is the remedy."""

    def __init__(self, why: str, fix: str = STATE_DICT) -> None:
        super().__init__(why)
        self.fix = fix


class AmbiguousNetwork(Fault):
    """There is no tensor, or there are several networks; the text says what was found."""


class NotPlain(Fault):
    """What is wrong with a tensor."""


class FoundTensors(NamedTuple):
    """The tensors of one network."""

    tensors: dict[str, Tensor]
    """By the names that its family gives them."""
    note: str
    """Where they were, and what lies next to them, where that is worth a word; else empty."""
    chosen: str
    """Where they were, if there are several networks (``top level`` for the names of the file); else empty."""


def find_network(loaded: object) -> FoundTensors:
    """The network in what a checkpoint holds, or, of an unknown family, what its likeliest wrapper holds.

    Raises:
        AmbiguousNetwork: it holds no tensor, or more than one network that could be meant.
    """
    homes: dict[str, str] = {}
    for into_objects in (False, True):
        tensors = _tensors_in(loaded, homes, into_objects=into_objects)
        if networks := _networks(tensors):
            break
    if not tensors:
        raise _no_tensor(loaded)
    if not networks:
        return FoundTensors(_unknown(loaded) or tensors, "", "")
    prefix = _likeliest(networks)
    unread = _unread(loaded)
    _check_unread(unread, prefix)
    chosen = _at(tensors, homes, prefix)
    everywhere = {way: None for _, way, value in _leaves(loaded, into_objects=True) if isinstance(value, Tensor)}
    others = [name for name in everywhere if name not in chosen]
    beside = [name for name in others if not name.startswith("optim")]
    usual = all(part in (*WRAPPERS, _NEUTRAL, "") for part in prefix.split("."))
    way = prefix.rstrip(".")
    note = f"the network is what it holds as {_shown(way)}" if prefix else "the network lies bare in it"
    note += f"; not taken: {few([_shown(name) for name in beside])}" if beside else ""
    place = (_shown(way) or _BARE) if _networks(others) else ""
    note += f"; not read: {few([_shown(one) for one in unread])}" if unread else ""
    network = {name.removeprefix(prefix): tensors[name] for name in chosen}
    return FoundTensors(network, "" if usual and not beside and not unread else note, place)


def _at(tensors: Mapping[str, Tensor], homes: Mapping[str, str], prefix: str) -> dict[str, None]:
    """The names of the network at a prefix: without what its own mapping holds in mappings, or as bare numbers."""
    names = [name for name in tensors if name.startswith(prefix)]
    first = {name: name.removeprefix(prefix).split(".") for name in names}
    direct = {name for name in names if len(homes[name]) <= len(prefix)}
    own = {first[name][0] for name in direct if len(first[name]) > 1}
    is_whole = not own  # a mapping of mappings
    return dict.fromkeys(
        one for one in names if is_whole or first[one][0] in own or (one in direct and tensors[one].ndim)
    )


def _unread(loaded: object) -> dict[str, str]:
    """Where networks lie that cannot be read, and in what: whole modules, arrays of numpy, objects."""
    found: dict[str, str] = {}
    arrays, readable = [], set()
    for _, way, value in _leaves(loaded, into_objects=True):
        readable.add(way)
        outer, *inner = _IN_MODULE.split(way, maxsplit=1)
        if is_array(value):
            arrays.append(way)
        elif is_layer(value) or (inner and isinstance(value, Tensor)):
            found[outer] = "a whole module"
    leaves = _leaves(loaded, into_objects=True, into_inert=True)
    inert = [way for _, way, value in leaves if isinstance(value, Tensor) and way not in readable]
    for ways, kind in ((arrays, "arrays of numpy"), (inert, "an object")):
        found |= {one.rstrip("."): kind for one in _networks(ways)}
    return found


def _check_unread(unread: Mapping[str, str], prefix: str) -> None:
    """Refuses a network where one that cannot be read is as likely to be meant."""
    taken = _shown(prefix.rstrip(".")) or _BARE
    for way, kind in unread.items():
        if _rank(way) <= _rank(prefix):
            why = f"it holds {kind} ({_shown(way) or _BARE}), which cannot be read, next to the network {taken}"
            raise AmbiguousNetwork(f"{why}: which one is meant is not clear")


def _no_tensor(loaded: object) -> AmbiguousNetwork:
    values = [value for _, _, value in _leaves(loaded, into_objects=True)]
    if any(map(is_array, values)):
        fix = "a file of tensors: torch.from_numpy of each array"
        return AmbiguousNetwork("it holds arrays of numpy in place of tensors", fix)
    if modules := [class_of(value) for value in values if is_module(value)]:
        return AmbiguousNetwork(f"it holds a whole module ({_shown(modules[0])}) and not its weights alone")
    return AmbiguousNetwork(f"it holds no tensor{_held(loaded)}")


def as_weights(tensors: Mapping[str, Tensor], size: int | None = None) -> dict[str, Tensor]:
    """Tensors as a network takes them: each whole and of its own, float32 (counters: int64), and finite.

    They may claim no more than their file holds, which has ``size`` bytes; None looks at no bound.

    Raises:
        NotPlain: one has an overlong name, is sparse, complex, quantised, without numbers, or holds numbers that no
            weight can have.
    """
    for name, value in tensors.items():
        if len(name) > _LONGEST_NAME:
            raise NotPlain(f"the name of a tensor has {len(name):,} characters, more than {_LONGEST_NAME:,}")
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


def _tensors_in(loaded: object, homes: dict[str, str], *, into_objects: bool) -> dict[str, Tensor]:
    """Every tensor by the way to it, in order, with dots between; ``homes`` takes the way to the mapping of each."""
    found: dict[str, Tensor] = {}
    for home, way, value in _leaves(loaded, into_objects=into_objects):
        if isinstance(value, Tensor):
            if found.setdefault(way, value) is not value:
                raise AmbiguousNetwork(f"it holds two tensors called {_shown(way)}")
            homes[way] = home
    return found


def _leaves(loaded: object, *, into_objects: bool, into_inert: bool = False) -> Iterator[tuple[str, str, object]]:
    """Every value that holds no others, and every stand-in: the way to what holds it, the way to it, itself."""
    seen: set[int] = set()
    waiting: list[tuple[str, str, object]] = [("", "", loaded)]
    while waiting:
        home, way, value = waiting.pop()
        if not isinstance(value, dict | list | tuple) or class_of(value):
            yield home, way, value
        held = value if isinstance(value, dict | list | tuple) else given_to(value) if into_inert else None
        if held is None or id(value) in seen:
            continue
        seen.add(id(value))
        items = [*(dict.items(held) if isinstance(held, dict) else enumerate(held))]
        items += attributes_of(value).items() if into_objects else ()
        inner = [(way, _joined(way, key), one) for key, one in items if isinstance(key, str | int)]
        waiting += reversed(inner)


def _joined(way: str, key: str | int) -> str:
    """The way to an item; without the names of what is put around modules."""
    return ".".join(part for part in f"{way}.{key}".split(".")[not way :] if part not in _AROUND)


def _networks(names: Iterable[str]) -> list[str]:
    """What stands before every name of each network of a known family, the likeliest first."""
    known = [checkpoint_format.known_by for checkpoint_format in CHECKPOINT_FORMATS]
    found = _before(names, known) or _before(names, [OWN])
    outer = [one for one in found if not any(one != other and one.startswith(other) for other in found)]
    return sorted(outer, key=lambda one: (_rank(one), one))


def _likeliest(networks: Sequence[str]) -> str:
    likeliest = [one for one in networks if _rank(one) == _rank(networks[0])]
    if len(likeliest) > 1:
        names = few([_shown(one.rstrip(".")) for one in likeliest])
        why = f"it holds {len(likeliest)} networks ({names}), and which one is meant is not clear"
        raise AmbiguousNetwork(why, "a file that torch.save made of the one that is meant")
    return likeliest[0]


def _before(names: Iterable[str], beginnings: Sequence[str]) -> set[str]:
    """What stands before these beginnings in the names that have one."""
    places = ((name, f".{name}".find(f".{one}")) for name in names for one in beginnings)
    return {name[:place] for name, place in places if place >= 0}


def _rank(prefix: str) -> list[bool]:
    return [part not in WRAPPERS for part in prefix.split(".") if part and part != _NEUTRAL]


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
    if not isinstance(loaded, Mapping) or class_of(loaded):
        return f", but an object of {_shown(class_of(loaded) or type(loaded).__name__)}"
    return f", but {few([_shown(str(key)) for key in loaded])}" if loaded else ""


def _shown(name: str) -> str:
    return printable(shortened(name, 40))
