"""From a spec to a module, and from an artefact to a module: the only place with sizes and with the choice of class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from shgae.arrays import Array
from shgae.artifacts.checkpoint import MODEL
from shgae.artifacts.store import Artifact, open_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.errors import AGAIN, Refused, shortened
from shgae.models.autoencoder import Autoencoder, ConvAutoencoder, LinearAutoencoder
from shgae.models.grafting import graft, share
from shgae.models.hourglass import Head, Hourglass, Merge, Stack, StackedHourglass
from shgae.models.layers import NewellResidual, OriginalResidual, Stem
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.recipes import CellRule
from shgae.skeleton import Skeleton
from shgae.wording import few

Shapes = Mapping[str, tuple[int, ...]]
_Module = TypeVar("_Module", bound=nn.Module)

_LEVELS = {256: 4, 128: 3}
"""Levels of an hourglass by crop size: they bring its map, a quarter of the crop, down to 4 x 4."""
VARIANCE = "running_var"
"""How the name of a batch norm's variances ends."""
_MOST_NAMED, _LONGEST_NAME = 4, 120
"""Tensors that are named, and characters of a name, with its shapes; those of known networks have up to 70."""
_RESIDUALS: Mapping[str, type[OriginalResidual] | type[NewellResidual]] = {
    "original": OriginalResidual,
    "newell": NewellResidual,
}


def build_hourglass(spec: HourglassSpec, seed: int = 0) -> StackedHourglass:
    """A new hourglass, grafts included, in train mode on the CPU; equal seeds give equal weights.

    Weights with more than one axis are Glorot normal, of variance 2 / (fan_in + fan_out), the rest is torch's
    default. Torch's global random numbers stay as they are.
    """
    return _drawn(lambda: _hourglass(spec), seed)


def build_autoencoder(spec: AutoencoderSpec, seed: int = 0) -> Autoencoder:
    """A new autoencoder, in train mode on the CPU; weights as in :func:`build_hourglass`."""
    return _drawn(lambda: _autoencoder(spec), seed)


def _hourglass(spec: HourglassSpec) -> StackedHourglass:
    stacks = [_stack(spec, is_last=index == spec.stacks - 1) for index in range(spec.stacks)]
    model = StackedHourglass(stem=_stem(spec), stacks=stacks)
    for index, autoencoder in enumerate(spec.grafts):
        if isinstance(autoencoder, int):
            share(model, of=autoencoder, stack=index)
        elif autoencoder is not None:
            graft(model, _autoencoder(autoencoder), index)
    return model


def _autoencoder(spec: AutoencoderSpec) -> Autoencoder:
    if spec.family == "linear":
        return LinearAutoencoder(width=spec.width, code_size=spec.code_size)
    return ConvAutoencoder(width=spec.width, code_size=spec.code_size, output=spec.output)


def _stem(spec: HourglassSpec) -> Stem:
    residual = _RESIDUALS[spec.residual]
    first, second, third = spec.stem
    return Stem(
        channels=first,
        before_pool=residual(first, second),
        after_pool=nn.Sequential(residual(second, third), residual(third, spec.width)),
    )


def _stack(spec: HourglassSpec, *, is_last: bool) -> Stack:
    residual, width, levels = _RESIDUALS[spec.residual], spec.width, _LEVELS[spec.crop_size]

    def residuals(count: int) -> list[nn.Module]:
        return [residual(width, width) for _ in range(count)]

    hourglass = Hourglass(
        width=width,
        skips=residuals(levels),
        downs=residuals(levels),
        bottleneck=nn.Sequential(*residuals(spec.bottleneck)),
        ups=residuals(levels - 1),
    )
    # In this order, for torch's defaults are drawn as modules are made: a seed means the weights that it always meant.
    head = _head(spec)
    if is_last:
        return Stack(hourglass=hourglass, head=head, merge=None)
    merge = Merge(features=nn.Conv2d(width, width, 1), maps=nn.Conv2d(spec.keypoints, width, 1))
    return Stack(hourglass=hourglass, head=head, merge=merge)


def _head(spec: HourglassSpec) -> Head:
    width, keypoints = spec.width, spec.keypoints

    def layer(channels: int) -> list[nn.Module]:
        return [nn.Conv2d(width, channels, 1), nn.BatchNorm2d(channels), nn.ReLU()]

    if spec.head == "original":
        maps = nn.Sequential(*layer(keypoints), nn.Conv2d(keypoints, keypoints, 1))
        return Head(features=_RESIDUALS[spec.residual](width, width), maps=maps)
    features = nn.Sequential(_RESIDUALS[spec.residual](width, width), *layer(width))
    return Head(features=features, maps=nn.Conv2d(width, keypoints, 1))


def _drawn(make: Callable[[], _Module], seed: int) -> _Module:
    numbers = torch.Generator().manual_seed(seed)
    with _DrawsFrom(numbers):
        module = make()
    for parameter in module.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_normal_(parameter, generator=numbers)
    return module


class _DrawsFrom(TorchFunctionMode):
    """Networks that are made inside draw their weights from these numbers, not from those that all threads share."""

    def __init__(self, numbers: torch.Generator) -> None:
        super().__init__()
        self._numbers = numbers

    def __torch_function__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Hands them to the functions of :mod:`torch.nn.init` with which layers draw."""
        own = {"generator": self._numbers} if func in (nn.init.kaiming_uniform_, nn.init.uniform_) else {}
        return func(*args, **{**(kwargs or {}), **own})


@dataclass(frozen=True)
class LoadedHourglass:
    """An hourglass from an artefact, and what it was trained with."""

    module: StackedHourglass
    """In eval mode, float32, on the CPU."""
    spec: HourglassSpec
    artifact: Artifact
    skeleton: Skeleton
    """Its K keypoints, in the order of its maps."""
    mean_rgb: tuple[float, float, float]
    """Mean colour of its training crops, in [0, 1], to be subtracted from images."""
    crop_size: int
    """Rows and columns of its images."""

    @property
    def cell_rule(self) -> CellRule:
        """Which cell of its maps a joint falls on, see :func:`shgae.data.heatmaps.cells`."""
        rule: CellRule = self.artifact.facts.get("cell_rule", "round")
        return rule


@dataclass(frozen=True)
class LoadedAutoencoder:
    """An autoencoder from an artefact."""

    module: Autoencoder
    """In eval mode, float32, on the CPU."""
    spec: AutoencoderSpec
    artifact: Artifact


def load_hourglass(path: Path, verify: bool = True) -> LoadedHourglass:
    """Opens the hourglass of an artefact or run directory (then its best); ``verify`` hashes its files again.

    Raises:
        Refused: it is not a complete hourglass artefact, a file of it was changed, or its parts do not fit together.
    """
    artifact = open_artifact(path, "hourglass", verify=verify)
    with _facts_of(artifact) as facts:
        spec = HourglassSpec.from_json(facts["spec"])
        skeleton = Skeleton.from_json(facts["skeleton"])
        red, green, blue = (float(channel) for channel in facts["mean_rgb"])
        if len(skeleton) != spec.keypoints or facts["crop_size"] != spec.crop_size:
            raise Refused("manifest", path, "skeleton or crop size disagree with the spec", AGAIN)
    module = _with_weights(lambda: _hourglass(spec), artifact)
    return LoadedHourglass(module, spec, artifact, skeleton, (red, green, blue), spec.crop_size)


def load_autoencoder(path: Path) -> LoadedAutoencoder:
    """Opens the autoencoder of an artefact or run directory (then its best).

    Raises:
        Refused: it is not a complete autoencoder artefact, a file of it was changed, or its parts do not fit together.
    """
    artifact = open_artifact(path, "autoencoder")
    with _facts_of(artifact) as facts:
        spec = AutoencoderSpec.from_json(facts["spec"])
    return LoadedAutoencoder(_with_weights(lambda: _autoencoder(spec), artifact), spec, artifact)


@contextmanager
def _facts_of(artifact: Artifact) -> Iterator[Mapping[str, Any]]:
    try:
        yield artifact.facts
    except Refused as error:
        raise Refused(error.what, artifact.path, error.why, AGAIN) from error


class _Unset(TorchFunctionMode):
    """Networks that are made inside hold whatever was in memory: no number is drawn that weights would overwrite."""

    def __torch_function__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Leaves out the functions of :mod:`torch.nn.init`, which change their tensor and give it back."""
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


def _with_weights(make: Callable[[], _Module], artifact: Artifact) -> _Module:
    with _Unset():
        module = make()
    load_state(module, load_tensors(artifact.open(MODEL)), artifact.path)
    return module.eval()


def state_arrays(module: nn.Module) -> dict[str, Array]:
    """A copy of every parameter and buffer, by name; what two stacks share is there once, under its first name."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in _state(module).items()}


def _state(module: nn.Module) -> dict[str, torch.Tensor]:
    """The entries of ``module.state_dict()``, in its order, without the further names of modules that are shared."""
    return {
        f"{path}.{name}".removeprefix("."): tensor.detach()
        for path, part in module.named_modules()
        for name, tensor in (*part.named_parameters(recurse=False), *part.named_buffers(recurse=False))
    }


def load_state(module: nn.Module, arrays: Mapping[str, Array], where: object) -> None:
    """Copies arrays into the module, in place, so that an optimizer keeps its hold on the parameters.

    Raises:
        Refused: arrays are missing, left over, of another shape or number format, or a variance is below 0; ``where``
            they come from is named.
    """
    state = _state(module)
    wrong = misfit(
        {name: tuple(tensor.shape) for name, tensor in state.items()},
        {name: array.shape for name, array in arrays.items()},
    )
    if wrong:
        raise Refused("tensors", where, wrong, "weights of this very network")
    tensors = {name: torch.tensor(array) for name, array in arrays.items()}
    for name, tensor in tensors.items():
        if tensor.dtype != state[name].dtype:
            why = f"it is {tensor.dtype}, the network has {state[name].dtype}"
            raise Refused(f"tensor {name}", where, why, "weights of this very network")
        if name.endswith(VARIANCE) and (tensor < 0).any():
            raise Refused(f"tensor {name}", where, "it holds a variance below 0", "weights that are not damaged")
    for name, tensor in tensors.items():
        state[name].copy_(tensor)


def tensor_shapes(spec: HourglassSpec | AutoencoderSpec) -> dict[str, tuple[int, ...]]:
    """The name and shape of every parameter and buffer of a network, without making it."""
    return {name: tuple(tensor.shape) for name, tensor in _state(outline(spec)).items()}


def outline(spec: HourglassSpec | AutoencoderSpec) -> nn.Module:
    """A network of shapes without numbers, on torch's meta device."""
    with torch.device("meta"), _Unset():
        return _hourglass(spec) if isinstance(spec, HourglassSpec) else _autoencoder(spec)


def shared_names(spec: HourglassSpec) -> dict[str, str]:
    """The further names that a state dict gives to tensors which two stacks share -> the first name of each."""
    tensors = outline(spec).state_dict(keep_vars=True)
    first: dict[int, str] = {}
    names = {name: first.setdefault(id(tensor), name) for name, tensor in tensors.items()}
    return {name: one for name, one in names.items() if name != one}


def misfit(wanted: Shapes, found: Shapes) -> str:
    """What keeps the found tensors from being the wanted ones, by name; empty when they are."""
    missing = [name for name in wanted if name not in found]
    unexpected = [name for name in found if name not in wanted]
    misshapen = [
        f"{name} {list(found[name])} instead of {list(shape)}"
        for name, shape in wanted.items()
        if name in found and found[name] != shape
    ]
    lists = {"missing": missing, "unexpected": unexpected, "misshapen": misshapen}
    return "; ".join(
        f"{len(names)} {what}: {few([shortened(name, _LONGEST_NAME) for name in names], _MOST_NAMED)}"
        for what, names in lists.items()
        if names
    )
