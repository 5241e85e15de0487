"""Which people become samples, of which split, and why others do not; from the JSON alone, before a photo is opened.

Only :func:`without_photos` comes later, when some could not be read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace

import numpy as np

from shgae.data.coco import CocoPeople, Person, Photo
from shgae.data.doubts import FRACTIONS, Doubts
from shgae.data.geometry import Square, coco_square, covered, mpii_square, square_around
from shgae.errors import Refused
from shgae.recipes import PrepareConfig, Split
from shgae.wording import counted_people

CROWD = "crowd"
UNLABELLED = "no labelled joint"
NO_FIT = "labelled joints do not fit into a square inside the photo"
OUTSIDE = "outside the photo"
NO_PLACE = "no centre or scale"
BEYOND_LIMIT = "beyond the limit"
BAD_PHOTO = "bad photo"
_WAYS = {
    NO_PLACE: "--square study, or a JSON of shgae convert mpii",
    NO_FIT: "--crop-policy pad",
    OUTSIDE: "the photos that the JSON was made for",
}
"""What helps where nobody is left, by a reason for which labelled people are dropped."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one person of a JSON."""

    annotation_id: int
    photo: int
    """Running number of the photo among those with people; of the same photo under several ids, the first number."""
    split: Split | None
    """None for a dropped person."""
    reason: str | None
    """Why the person is dropped; None for a sample."""
    square: Square | None
    """What a sample is cut out with, in xy_photo."""
    has_box: bool
    """Whether the JSON has a box with an area."""


@dataclass(frozen=True)
class Selection:
    """The fates of all people of one JSON, in its order of photos, then annotations; without strays."""

    people: CocoPeople
    source: Split
    """The split that the JSON was given for."""
    fates: tuple[Fate, ...]
    doubts: tuple[str, ...] = ()
    """What a user should hear of the people."""

    @property
    def counts(self) -> Counter[Split]:
        return Counter(fate.split for fate in self.fates if fate.split is not None)

    @property
    def dropped(self) -> Counter[str]:
        strays = Counter(stray.reason for stray in self.people.strays.values())
        return strays + Counter(fate.reason for fate in self.fates if fate.reason is not None)

    def samples(self) -> Iterator[tuple[Photo, list[Fate]]]:
        """Each photo that has samples, with the fates of those."""
        for photo, fates in self:
            if wanted := [fate for fate in fates if fate.split is not None]:
                yield photo, wanted

    def __iter__(self) -> Iterator[tuple[Photo, list[Fate]]]:
        """Each photo that has people, with the fates of its people."""
        fates = iter(self.fates)
        for photo, annotation_ids in self.people:
            yield photo, [next(fates) for _ in annotation_ids]


def select(people: CocoPeople, source: Split, config: PrepareConfig) -> Selection:
    """Finds the square of everybody who can be a sample.

    Raises:
        Refused: nobody can, joints are fractions of the photo, or somebody's annotation is broken and ``bad_people``
            is ``refuse``.
    """
    fates, doubts, crowds = [], Doubts(), 0
    broken = [(one, f"{stray.reason} ({stray.said})") for one, stray in people.strays.items()]
    for number, (photo, annotation_ids) in enumerate(people):
        for annotation_id in annotation_ids:
            person = people.person(annotation_id, photo)
            reason, square = _judge(person, photo, config)
            split = source if reason is None else None
            fates.append(Fate(annotation_id, number, split, reason, square, person.has_box))
            if reason is not None and reason == person.fault:
                broken.append((annotation_id, reason))
            elif reason == CROWD:
                crowds += person.is_labelled
            else:
                doubts.add(person, photo, is_outside=reason == OUTSIDE)
    if broken and config.bad_people == "refuse":
        annotation, reason = broken[0]
        more = f" ({len(broken)} people are broken)" if len(broken) > 1 else ""
        fix = "--bad-people drop, or repair the JSON" if doubts.people else "repair the JSON: nobody in it is sound"
        raise Refused(f"annotation {annotation}", people.path, reason + more, fix)
    if doubts.coordinates.are_fractions:
        raise Refused("annotations", people.path, f"joints {FRACTIONS}", "joints and boxes in pixels")
    if doubts.coordinates.are_nowhere:
        raise Refused("annotations", people.path, "all labelled joints are at 0, 0", "v = 0 of joints without a label")
    selection = Selection(people, source, tuple(fates), tuple(doubts.notes()))
    if not selection.counts:
        raise _nobody(selection, doubts, crowds)
    return selection


def _nobody(selection: Selection, doubts: Doubts, crowds: int) -> Refused:
    """What to say where nobody is left; ``crowds`` have labelled joints."""
    why = ", ".join(f"{reason}: {count}" for reason, count in selection.dropped.most_common())
    ways = [fix for reason, fix in _WAYS.items() if selection.dropped[reason]]
    if doubts.with_unlabelled:
        why += f"; {doubts.with_unlabelled:,} of them have joints with a place, but v = 0"
        ways.append("v = 1 or 2 for joints with a label")
    if crowds:
        why += f"; {crowds:,} of the crowds have labelled joints"
        ways.append("iscrowd 0 for single people")
    return Refused(
        "annotations", selection.people.path, f"nobody is left ({why})", [*ways, "a JSON with labelled people"][0]
    )


def hold_out(selection: Selection, config: PrepareConfig) -> Selection:
    """Moves ``config.hold_out`` samples, drawn at random, to the test split, and ``config.hold_out_val`` of the others
    to the val split.

    By photo, photos are drawn until the number is reached and those with too many people are passed over; where no
    exact sum comes about, the one of these with the fewest is taken as well. Seed and JSON decide the draws.

    Raises:
        Refused: nobody would be left.
    """
    selection = _moved(selection, "test", config.hold_out, config, np.random.default_rng(config.seed))
    return _moved(selection, "val", config.hold_out_val, config, np.random.default_rng((config.seed, 1)))


def _moved(
    selection: Selection, split: Split, wanted: int, config: PrepareConfig, random: np.random.Generator
) -> Selection:
    if not wanted:
        return selection
    samples = [place for place, fate in enumerate(selection.fates) if fate.split == selection.source]
    if config.split_by == "crop":
        moved = {samples[i] for i in random.permutation(len(samples))[:wanted]}
    else:
        sizes = Counter(selection.fates[place].photo for place in samples)
        order = random.permutation(sorted(sizes)).tolist()
        photos = _draw_photos([(photo, sizes[photo]) for photo in order], wanted)
        moved = {place for place in samples if selection.fates[place].photo in photos}
    if len(moved) >= len(samples):
        option = "--hold-out" if split == "test" else "--hold-out-val"
        why = f"{wanted} to hold out of {counted_people(len(samples))} leave none for training"
        if wanted >= len(samples):
            raise Refused(option, selection.people.path, why, "a smaller number")
        why += ", as whole photos move"
        raise Refused(option, selection.people.path, why, f"--split-by crop, or a JSON of its own for --{split}")
    fates = (replace(fate, split=split) if place in moved else fate for place, fate in enumerate(selection.fates))
    return replace(selection, fates=tuple(fates))


def limit(selection: Selection, config: PrepareConfig) -> Selection:
    """Keeps the first ``config.limit`` samples of each split (all, when None)."""
    if config.limit is None:
        return selection
    seen: Counter[Split] = Counter()
    fates = []
    for fate in selection.fates:
        if fate.split is not None:
            seen[fate.split] += 1
            if seen[fate.split] > config.limit:
                fate = replace(fate, split=None, reason=BEYOND_LIMIT, square=None)
        fates.append(fate)
    return replace(selection, fates=tuple(fates))


def without_photos(selection: Selection, bad: Container[int]) -> Selection:
    """Drops the samples of the photos of these ids; nobody takes their place."""
    fates = [
        replace(fate, split=None, reason=BAD_PHOTO, square=None) if fate.split is not None and photo.id in bad else fate
        for photo, fates_of_photo in selection
        for fate in fates_of_photo
    ]
    return replace(selection, fates=tuple(fates))


def _judge(person: Person, photo: Photo, config: PrepareConfig) -> tuple[str | None, Square | None]:
    if person.iscrowd:
        return CROWD, None
    if person.fault is not None:
        return person.fault, None
    if not person.is_labelled:
        return UNLABELLED, None
    if photo.size is None:  # a file that cannot be read: its people are dropped once that is told
        return None, square_around(person.box, person.xy_labelled, (1, 1), "pad", config.margin)
    if config.square == "mpii" and not {"center", "scale"} <= person.measures.keys():
        return NO_PLACE, None
    square = _square(person, photo.size, config)
    if square is None:
        return NO_FIT, None
    if covered(square, photo.size, config.crop_size).is_empty:
        return OUTSIDE, None
    return None, square


def _square(person: Person, photo_size: tuple[int, int], config: PrepareConfig) -> Square | None:
    if config.square == "mpii":
        return mpii_square(person.measures["center"], float(person.measures["scale"]))
    if config.square == "coco":
        return coco_square(person.box)
    return square_around(person.box, person.xy_labelled, photo_size, config.crop_policy, config.margin)


def _draw_photos(photos: list[tuple[int, int]], wanted: int) -> set[int]:
    drawn = set()
    for photo, people in photos:
        if people <= wanted:
            drawn.add(photo)
            wanted -= people
    if wanted:
        rest = [(people, photo) for photo, people in photos if photo not in drawn]
        drawn.update(photo for _, photo in sorted(rest)[:1])
    return drawn
