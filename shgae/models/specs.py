"""What a manifest says about a network. Specs are read from files that anybody may have written, so an impossible
one cannot be made: it is refused."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any, Literal

from shgae.errors import Refused


@dataclass(frozen=True)
class AutoencoderSpec:
    """Everything that decides an autoencoder's tensors and what it computes with them."""

    width: int = 256
    """Channels of the bottleneck, C: a multiple of 4 up to 1024."""
    code_size: int = 50
    """Numbers in the code, 1 to 4096."""
    output: Literal["relu", "identity"] = "identity"
    """What follows the decoder's last layer."""

    def __post_init__(self) -> None:
        _check_width(self.width)
        _check("code size", self.code_size, range(1, 4097))
        _check("output", self.output, ("relu", "identity"))

    def to_json(self) -> dict[str, Any]:
        """The form in a manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> AutoencoderSpec:
        """The inverse of :meth:`to_json`; raises :class:`Refused` for anything else."""
        _check_fields(cls, value)
        return cls(**value)


@dataclass(frozen=True)
class HourglassSpec:
    """Everything that decides an hourglass's tensors and what it computes with them."""

    keypoints: int
    """Heatmaps of each stack, K: 1 to 512."""
    crop_size: Literal[256, 128] = 256
    """Rows and columns of the images."""
    residual: Literal["original", "newell"] = "original"
    """Which residual block it is made of."""
    stacks: int = 1
    """Hourglasses in a row, S: 1 to 8."""
    width: int = 256
    """Channels, C: a multiple of 4 up to 1024."""
    grafts: tuple[AutoencoderSpec | None, ...] = ()
    """The autoencoder in each stack's bottleneck, or None; left out, there is none anywhere."""

    def __post_init__(self) -> None:
        _check("keypoints", self.keypoints, range(1, 513))
        _check("crop size", self.crop_size, (256, 128))
        _check("residual", self.residual, ("original", "newell"))
        _check("stacks", self.stacks, range(1, 9))
        _check_width(self.width)
        if not self.grafts:
            object.__setattr__(self, "grafts", (None,) * self.stacks)
        _check("number of grafts", len(self.grafts), (self.stacks,))
        for autoencoder in self.grafts:
            if autoencoder is not None:
                _check("width of the graft", autoencoder.width, (self.width,))

    def with_graft(self, autoencoder: AutoencoderSpec | None, stack: int = -1) -> HourglassSpec:
        """The same network with this autoencoder in one stack, or with none there."""
        grafts = list(self.grafts)
        grafts[stack] = autoencoder
        return replace(self, grafts=tuple(grafts))

    def to_json(self) -> dict[str, Any]:
        """The form in a manifest."""
        return {**asdict(self), "grafts": [spec and spec.to_json() for spec in self.grafts]}

    @classmethod
    def from_json(cls, value: Any) -> HourglassSpec:
        """The inverse of :meth:`to_json`; raises :class:`Refused` for anything else."""
        _check_fields(cls, value)
        listed = value.get("grafts", [])
        if not isinstance(listed, list):
            raise Refused("grafts", "the model's spec", f"{listed!r} is no list", "make the model again")
        grafts = tuple(None if spec is None else AutoencoderSpec.from_json(spec) for spec in listed)
        return cls(**{**value, "grafts": grafts})


def _check(name: str, value: object, allowed: range | tuple[object, ...]) -> None:
    # In Python True == 1 and 256.0 == 256, in a spec they are not: hence the types.
    if type(value) is not type(allowed[0]) or value not in allowed:
        some = f"{allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else " or ".join(map(str, allowed))
        raise Refused(name, "the model's spec", f"{value!r} is not {some}", "a value that is")


def _check_width(width: int) -> None:
    _check("width", width, range(4, 1025))
    if width % 4:
        raise Refused("width", "the model's spec", f"{width} is no multiple of 4", "a width that is")


def _check_fields(spec: type[HourglassSpec] | type[AutoencoderSpec], value: Any) -> None:
    names = {field.name for field in fields(spec)}
    needed = {field.name for field in fields(spec) if field.default is MISSING}
    # A field that a later shgae adds has a default, with which artefacts from before it stay readable.
    if not isinstance(value, dict) or not needed <= value.keys() <= names:
        wanted = f"it does not consist of {', '.join(sorted(names))}"
        raise Refused("fields", "the model's spec", wanted, "make the model again")
