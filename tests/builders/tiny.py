"""Options with which every step of the method takes a second on drawn photos."""

from __future__ import annotations

import dataclasses

from shgae.recipes import AutoencoderConfig, ExtractConfig, FinetuneConfig, TrainConfig

TINY = TrainConfig(
    residual="newell", width=16, epochs=2, batch_size=4, precision="fp32", schedule="plateau", sigma_visible=1.5
)
"""An hourglass of 16 channels, trained for two epochs."""
REGULAR = dataclasses.replace(TINY, dropout=0.3, weight_decay=0.05, optimizer="adam")
"""The same with dropout and weight decay."""
TINY_EXTRACT = ExtractConfig(batch_size=4, precision="fp32")
TINY_AE = AutoencoderConfig(code_size=6, epochs=3, batch_size=4, precision="fp32")
TINY_FINETUNE = FinetuneConfig(epochs=1, batch_size=4, precision="fp32", sigma_visible=1.5)
