"""The names that other people gave to our tensors: one table a family of weight files.

A table translates our names to theirs, so that whatever is missing or left over is reported in the words of the
file. To add a family: its table, the one name it is known by, and its sizes as a spec; nothing else changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shgae.models.specs import AutoencoderSpec, HourglassSpec

Shapes = Mapping[str, tuple[int, ...]]
Table = tuple[tuple[str, str], ...]
"""Pairs of a regular expression over our names and its replacement, applied one after another."""


@dataclass(frozen=True)
class Dialect:
    """How one family of weight files names its tensors."""

    family: str
    """What a person calls it."""
    known_by: str
    """A tensor that every file of this family has, and no other family's."""
    table: Table
    """From our names to theirs."""
    spec: Callable[[Shapes], HourglassSpec | AutoencoderSpec]
    """Sizes from the shapes of a file's tensors, by their names; raises KeyError or IndexError for lack of one."""

    def name(self, ours: str) -> str:
        """Their name of one of our tensors."""
        for pattern, replacement in self.table:
            ours = re.sub(pattern, replacement, ours)
        return ours


_STUDY_HOURGLASS: Table = (
    # Within a residual; from the third batch normalisation to the first, since theirs count from "input".
    (r"\.bn1\.(?=\w+$)", ".input_bn."),
    (r"\.bn2\.(?=\w+$)", ".bn1."),
    (r"\.bn3\.(?=\w+$)", ".bn2."),
    (r"\.shortcut\.", ".branch_cov."),
    (r"^stem\.conv\.", "pre_conv1."),
    (r"^stem\.bn\.", "bn_pre."),
    (r"^stem\.before_pool\.", "pre_residual1."),
    (r"^stem\.after_pool\.0\.", "pre_residual2."),
    (r"^stem\.after_pool\.1\.", "pre_residual3."),
    (r"^stacks\.0\.hourglass\.", "hourglasses.0."),
    (r"^(hourglasses\.0\.)skips\.", r"\1branch_cov."),
    (r"^(hourglasses\.0\.)downs\.", r"\1encoder_residuals."),
    (r"^(hourglasses\.0\.)bottleneck\.", r"\1bottlenecks."),
    (r"^(hourglasses\.0\.)ups\.", r"\1decoder_residuals."),
    (r"^stacks\.0\.head\.features\.", "last_res."),
    (r"^stacks\.0\.head\.maps\.0\.", "last_conv_1."),
    (r"^stacks\.0\.head\.maps\.1\.", "bn_last."),
    (r"^stacks\.0\.head\.maps\.3\.", "last_conv_2."),
)
_STUDY_AUTOENCODER: Table = (
    (r"to_code\.", "encoder_linear.0."),
    (r"from_code\.", "decoder_linear.0."),
)
_STUDY_GRAFTED: Table = (
    (r"^stacks\.0\.hourglass\.graft\.", "AE_model."),
    *_STUDY_AUTOENCODER,
    *_STUDY_HOURGLASS,
    (r"^(?!AE_model\.)", "SHG_model."),
)


def _study_hourglass(shapes: Shapes) -> HourglassSpec:
    return HourglassSpec(keypoints=shapes["last_conv_2.weight"][0], width=shapes["pre_conv1.weight"][0])


def _study_autoencoder(shapes: Shapes) -> AutoencoderSpec:
    width, code_size = shapes["encoder.0.weight"][1], shapes["encoder_linear.0.weight"][0]
    return AutoencoderSpec(width=width, code_size=code_size, output="relu")


def _study_grafted(shapes: Shapes) -> HourglassSpec:
    def below(prefix: str) -> Shapes:
        return {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}

    return _study_hourglass(below("SHG_model.")).with_graft(_study_autoencoder(below("AE_model.")))


DIALECTS = (
    Dialect("the study's hourglass", "pre_conv1.weight", _STUDY_HOURGLASS, _study_hourglass),
    Dialect("the study's autoencoder", "encoder_linear.0.weight", _STUDY_AUTOENCODER, _study_autoencoder),
    Dialect(
        "the study's grafted hourglass",
        "SHG_model.pre_conv1.weight",
        _STUDY_GRAFTED,
        _study_grafted,
    ),
)
