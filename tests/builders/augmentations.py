"""Changes of crops that a test asks for by their parts."""

from __future__ import annotations

from shgae.data.augmentation import Augmentation, augmentation_of
from shgae.recipe_parts import AugmentConfig
from shgae.skeleton import COCO_PERSON

SIZE, MEAN = 128, (0.5, 0.4, 0.3)


def augmentation(size: int = SIZE, **parts: float) -> Augmentation:
    made = augmentation_of(AugmentConfig(**parts), COCO_PERSON, size, "here")  # type: ignore[arg-type]
    assert made is not None
    return made
