"""The people of a split as scores take them: joints in photo pixels, target cells, head sizes, ignored regions."""

from __future__ import annotations

import numpy as np

from shgae.arrays import Floats
from shgae.artifacts.crops import Crops, PeopleTable
from shgae.metrics.pckh import head_sizes
from shgae.metrics.people import People, Regions
from shgae.skeleton import Skeleton


def people_of(crops: Crops, skeleton: Skeleton, sigmas: Floats | None = None, regions: Regions | None = None) -> People:
    """What the predictions of these crops are scored against; sigmas (K,) of OKS, None for COCO's."""
    import torch  # takes seconds, and whoever reads a finished report does without

    from shgae.data import heatmaps
    from shgae.evaluation.predictions import photo_points

    table = crops.people
    xy_crop, visibility = torch.from_numpy(table.xy_crop), torch.from_numpy(table.visibility)
    cells, in_crop = heatmaps.truth(xy_crop, visibility, crops.crop_size)
    return People(
        joints=skeleton.names,
        xy_photo=photo_points(table.xy_crop.astype(np.float64), table, crops.crop_size),
        visibility=table.visibility,
        cells=cells.numpy(),
        cell_visibility=in_crop.numpy(),
        map_size=crops.crop_size // heatmaps.STRIDE,
        box=table.box,
        photo_id=table.photo_id,
        annotation_id=table.annotation_id,
        area=table.area,
        head_size=_head_sizes(table),
        sigmas=sigmas,
        regions=regions,
    )


def _head_sizes(table: PeopleTable) -> Floats | None:
    """(N,) PCKh's normaliser: by the head box, or as the data gives it; NaN where a person has neither."""
    if table.head_box is None:
        return table.head_size
    by_box = head_sizes(table.head_box)
    return by_box if table.head_size is None else np.where(np.isfinite(by_box), by_box, table.head_size)
