"""People of prepared data as pictures: a sheet that shows what went in, and who was left out."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
from matplotlib.figure import Figure

from shgae.arrays import Ints
from shgae.artifacts.crops import Crops, all_people
from shgae.artifacts.store import Artifact
from shgae.plots.poses import View
from shgae.plots.sheets import Dropped, people_sheet
from shgae.skeleton import Skeleton
from shgae.wording import counted_people

_PEOPLE, _EXAMPLES = 8, 3


def small_sheet(data: Artifact) -> Figure:
    """Draws eight people of the train split with their annotation, and the table of those who were left out."""
    crops, skeleton = Crops(data, "train", checked=False), Skeleton.from_json(data.facts["skeleton"])
    rows = drawn_rows(len(crops), _PEOPLE, seed=0)
    heading = f"{len(rows):,} of {counted_people(len(crops))} of split train"
    return people_sheet(annotated(crops, rows), dropped_of(data), skeleton, heading)


def drawn_rows(people: int, most: int, seed: int) -> Ints:
    """(n,) rows that the seed draws, in the split's order: ``most`` of them, or all."""
    return np.sort(np.random.default_rng(seed).permutation(people)[:most])


def annotated(crops: Crops, rows: Ints, *, is_ranked: bool = False) -> list[list[View]]:
    """The crop of each of these people (n,) with its joints; ranked ones are numbered."""
    people, pictures = crops.people, crops.filled(rows).astype(np.float32) / 255
    titles = [f"annotation {people.annotation_id[row]}" for row in rows]
    if is_ranked:
        titles = [f"{place}. {title}" for place, title in enumerate(titles, 1)]
    return [[view] for view in map(View, pictures, people.xy_crop[rows], people.visibility[rows], titles)]


def dropped_of(data: Artifact) -> list[Dropped]:
    """Those that ``prepare`` left out, by split and reason; the most frequent reason comes first."""
    examples: dict[tuple[str, str], list[str]] = defaultdict(list)
    count = Counter[tuple[str, str]]()
    for row in all_people(data):
        if row.get("reason") is not None:
            key = str(row.get("source")), row["reason"]
            count[key] += 1
            if len(examples[key]) < _EXAMPLES:
                examples[key].append(f"{row.get('annotation_id')} in {row.get('file_name') or 'none'}")
    ordered = sorted(count, key=lambda key: (-count[key], key))
    return [Dropped(*key, count[key], tuple(examples[key])) for key in ordered]
