"""What a manifest says about a network. Specs are read from files that anybody may have written, so an impossible
one cannot be made: it is refused."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any, Literal

from shgae.errors import Refused, quoted
from shgae.recipes import AutoencoderConfig
from shgae.skeleton import MOST_JOINTS


@dataclass(frozen=True)
class AutoencoderSpec:
    """Everything that decides an autoencoder's tensors and what it computes with them."""

    width: int = 256
    """Channels of the bottleneck, C: a multiple of 4 up to 1024."""
    code_size: int = 50
    """Numbers in the code, 1 to 4096."""
    output: Literal["relu", "identity"] = "identity"
    """What follows the decoder's last layer."""
    family: Literal["conv", "linear"] = "conv"
    """The original study's convolutions, or one linear layer to the code and one back."""

    def __post_init__(self) -> None:
        _check_width(self.width)
        _check("code size", self.code_size, range(1, 4097))
        _check("family", self.family, ("conv", "linear"))
        _check("output", self.output, ("relu", "identity") if self.family == "conv" else ("identity",))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, config: AutoencoderConfig, width: int) -> AutoencoderSpec:
        """The autoencoder that pre-training with these options makes."""
        return cls(width=width, code_size=config.code_size, output=config.decoder_output)

    @classmethod
    def from_json(cls, value: Any) -> AutoencoderSpec:
        """The inverse of :meth:`to_json`; raises :class:`Refused` for anything else."""
        _check_fields(cls, value)
        return cls(**value)


@dataclass(frozen=True)
class HourglassSpec:
    """Everything that decides an hourglass's tensors and what it computes with them."""

    keypoints: int
    """Heatmaps of each stack, K: 1 to :data:`~shgae.skeleton.MOST_JOINTS`."""
    crop_size: Literal[256, 128] = 256
    """Rows and columns of the images."""
    residual: Literal["original", "newell"] = "original"
    """Which residual block it is made of."""
    stacks: int = 1
    """Hourglasses in a row, S: 1 to 8."""
    width: int = 256
    """Channels, C: a multiple of 4 up to 1024."""
    grafts: tuple[AutoencoderSpec | int | None, ...] = ()
    """What lies in each stack's bottleneck: an autoencoder of its own, the number of the earlier stack that shares its
    autoencoder (the same weights), or None; left out, there is nothing anywhere."""
    stem: tuple[int, ...] = ()
    """Channels of the stem on their way to the width: after its convolution, its first and its second residual; left
    out, what the residual block comes with (the original study's are as wide as the network, Newell's are 1/4, 1/2,
    1/2)."""
    bottleneck: int = 3
    """Residuals at the lowest level after the one that follows the last pooling, 1 to 8: the original study has 3,
    others 2."""
    head: Literal["original", "newell"] = "original"
    """From features to maps: the original study's (residual, conv1x1 to K, BN, ReLU, conv1x1), or Newell's (residual,
    conv1x1 to C, BN, ReLU, conv1x1 to K)."""

    def __post_init__(self) -> None:
        _check("keypoints", self.keypoints, range(1, MOST_JOINTS + 1))
        _check("crop size", self.crop_size, (256, 128))
        _check("residual", self.residual, ("original", "newell"))
        _check("stacks", self.stacks, range(1, 9))
        _check_width(self.width)
        _check("bottleneck", self.bottleneck, range(1, 9))
        _check("head", self.head, ("original", "newell"))
        if not self.stem:
            quarters = (4, 4, 4) if self.residual == "original" else (1, 2, 2)
            object.__setattr__(self, "stem", tuple(max(2, self.width * quarter // 4) for quarter in quarters))
        _check("number of widths of the stem", len(self.stem), (3,))
        for width in self.stem:
            _check("width of the stem", width, range(2, 1025))
        if not self.grafts:
            object.__setattr__(self, "grafts", (None,) * self.stacks)
        _check("number of grafts", len(self.grafts), (self.stacks,))
        for stack, graft in enumerate(self.grafts):
            if isinstance(graft, AutoencoderSpec):
                _check("width of the graft", graft.width, (self.width,))
            elif graft is not None:
                own = tuple(i for i, one in enumerate(self.grafts[:stack]) if isinstance(one, AutoencoderSpec))
                _check("stack with a shared autoencoder", graft, own or ("a stack with an autoencoder",))

    def autoencoder(self, stack: int) -> AutoencoderSpec | None:
        """The autoencoder in one stack, its own or a shared one, or None."""
        graft = self.grafts[stack]
        # A shared one belongs to a stack that has it of its own.
        return self.autoencoder(graft) if isinstance(graft, int) else graft

    def with_graft(self, autoencoder: AutoencoderSpec | int | None, stack: int = -1) -> HourglassSpec:
        """The same network with this autoencoder (or that of an earlier stack) in one stack, or with none there."""
        grafts = list(self.grafts)
        grafts[stack] = autoencoder
        return replace(self, grafts=tuple(grafts))

    def to_json(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, value: Any) -> HourglassSpec:
        """The inverse of :meth:`to_json`; raises :class:`Refused` for anything else."""
        _check_fields(cls, value)
        grafts = tuple(
            graft if graft is None or isinstance(graft, int) else AutoencoderSpec.from_json(graft)
            for graft in _listed(value, "grafts")
        )
        return cls(**{**value, "grafts": grafts, "stem": tuple(_listed(value, "stem"))})


def _listed(value: dict[str, Any], name: str) -> list[Any]:
    listed = value.get(name, [])
    if not isinstance(listed, list):
        raise Refused(name, "the model's spec", f"{quoted(listed)} is not a list", "make the model again")
    return listed


def _check(name: str, value: object, allowed: range | tuple[object, ...]) -> None:
    # In Python True == 1 and 256.0 == 256, in a spec they are not: hence the types.
    if type(value) is not type(allowed[0]) or value not in allowed:
        some = f"{allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else " or ".join(map(str, allowed))
        raise Refused(name, "the model's spec", f"{quoted(value)} is not {some}", f"{allowed[0]}")


def _check_width(width: int) -> None:
    _check("width", width, range(4, 1025))
    if width % 4:
        raise Refused("width", "the model's spec", f"{width} is not a multiple of 4", f"{max(4, width - width % 4)}")


def _check_fields(spec: type[HourglassSpec] | type[AutoencoderSpec], value: Any) -> None:
    names = {field.name for field in fields(spec)}
    needed = {field.name for field in fields(spec) if field.default is MISSING}
    # A field that a later shgae adds has a default, with which artefacts from before it stay readable.
    if not isinstance(value, dict) or not needed <= value.keys() <= names:
        wanted = f"it does not consist of {', '.join(sorted(names))}"
        raise Refused("fields", "the model's spec", wanted, "make the model again")
