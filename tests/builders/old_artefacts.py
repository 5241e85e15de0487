"""The artefacts of schema 1 that are kept."""

from __future__ import annotations

from collections.abc import Mapping

IDS: Mapping[str, tuple[str, str]] = {
    "activations": ("activations", "48c3ddf98808"),
    "analysis": ("analysis", "a5a21ba2cade"),
    "autoencoder": ("autoencoder", "c9e37876be3a"),
    "baseline": ("hourglass", "c4fc86c4be9f"),
    "data": ("data", "51bddc1a3d5f"),
    "evaluation": ("evaluation", "5945b35f4f83"),
    "figures": ("figures", "6ddb0b3ac45e"),
    "grafted": ("hourglass", "d051ec8f3676"),
    "predictions": ("predictions", "889849c9ed24"),
    "rate": ("rate", "98b2c4663a1f"),
    "splice": ("splice", "929252a76554"),
    "study/report": ("study", "58909ddc2013"),
}
"""Kind and id by folder."""
