"""A network of random weights at work on prepared people, without a training."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import Artifact, open_artifact
from shgae.data.datasets import PoseBatch, load_pose_batch, to_images
from shgae.models.autoencoder import Autoencoder
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import LoadedHourglass, build_hourglass
from shgae.skeleton import COCO_PERSON
from tests.builders.manifests import MANIFEST

MEAN = (0.4, 0.5, 0.6)


def random_hourglass(stacks: int = 1, graft: Autoencoder | None = None, **facts: object) -> LoadedHourglass:
    """An hourglass of 16 channels for crops of 128 pixels; ``graft`` is put into its first stack."""
    spec = HourglassSpec(keypoints=len(COCO_PERSON), crop_size=128, residual="newell", width=16, stacks=stacks)
    module = build_hourglass(spec, seed=3).eval()
    if graft is not None:
        module.hourglass(0).graft = graft
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # as every stage has it
    artifact = Artifact(Path("some/model"), dataclasses.replace(MANIFEST, kind="hourglass", facts=facts))
    return LoadedHourglass(module, spec, artifact, COCO_PERSON, MEAN, 128)


def first_people(data: Path, split: str = "train", limit: int | None = None) -> tuple[Crops, PoseBatch, torch.Tensor]:
    """People of prepared data: as they lie on the disk, as one batch, and as a network sees them (n, 3, H, W)."""
    crops = Crops(open_artifact(data, verify=False), split, limit)
    batch = load_pose_batch(crops, torch.arange(len(crops)).numpy())
    return crops, batch, to_images(batch.crops, batch.valid, MEAN)
