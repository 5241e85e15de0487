"""Photos that EXIF says to turn are counted, noted or refused; one photo under several ids is found wherever it is."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shgae.data.coco import read_coco
from shgae.data.photo_checks import Key, check_turns, find_twins, told, where_twins_are, with_twins_merged
from shgae.data.photo_files import Turned
from shgae.data.selection import Selection, select
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import SPLITS, Exif, PrepareConfig, Split
from tests.builders.chain import Notes
from tests.builders.photo_models import exif_of

SIZE = (40, 30)
A, B, C, D = (Path(one) for one in "abcd")


def selected(
    folder: Path, people: Sequence[int], split: Split = "train", exif: Exif = "refuse", said: Any = SIZE, first: int = 1
) -> Selection:
    """A JSON of photos 1.jpg, 2.jpg ... with so many people each; of a negative number all are a crowd."""
    size = {} if said is None else {"width": said[0], "height": said[1]}
    images = [{"id": first + i, "file_name": f"{first + i}.jpg", **size} for i in range(len(people))]
    of = [first + i for i, count in enumerate(people) for _ in range(abs(count))]
    person = {"category_id": 1, "bbox": [2, 2, 20, 20], "keypoints": [5, 5, 2]}
    annotations = [
        {"id": 50 + n, "image_id": photo, "iscrowd": int(people[photo - first] < 0), **person}
        for n, photo in enumerate(of)
    ]
    categories = [{"id": 1, "name": "person", "keypoints": ["nose"]}]
    folder.mkdir(exist_ok=True)
    (folder / "people.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    return select(read_coco(folder / "people.json", folder, exif=exif), split, PrepareConfig(exif=exif))


def draw(path: Path, orientation: int, form: str = "JPEG") -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", SIZE).save(path, form, exif=exif_of(orientation))


def put(folder: Path, contents: Sequence[str], first: int = 1) -> None:
    """Files 1.jpg, 2.jpg ... of these bytes; an empty text is no file."""
    folder.mkdir(exist_ok=True)
    for number, content in enumerate(contents, first):
        (folder / f"{number}.jpg").unlink(missing_ok=True)
        if content:
            (folder / f"{number}.jpg").write_text(content)


def test_without_turned_photos_nothing_is_told() -> None:
    for exif in ("refuse", "apply", "ignore"):
        assert told(Turned(), exif) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("exif", ["apply", "ignore"])
def test_an_option_that_decides_is_told_with_the_number_of_photos(exif: Exif) -> None:
    note = told(Turned([A], [B], [C, D], [A]), exif, " of val")
    assert note is not None and "5 photos of val" in note and f"--exif {exif}" in note
    one = told(Turned(unclear=[A]), exif)
    assert one is not None and "1 photo" in one and "photos" not in one


@pytest.mark.parametrize(
    "turned", [Turned([A]), Turned([A], unclear=[B]), Turned(unlikely=[A]), Turned([A], [], [B], [C])]
)
def test_photos_that_are_taken_as_stored_are_a_note(turned: Turned) -> None:
    note = told(turned, "refuse", " of val")
    assert note is not None and f"{len(turned.all)} photo" in note and " of val" in note
    assert ("JPEG" in note) == (not turned.stored), "the reason is a size, where there is one"


@pytest.mark.parametrize(
    ("turned", "first", "more"),
    [
        (Turned(upright=[B]), B, ""),
        (Turned([A], [B, C], [D]), B, "1 more"),
        (Turned([A], [B, C, D], [A]), B, "2 more"),
        (Turned(unclear=[C, D], unlikely=[A]), C, "1 more"),
        (Turned(unclear=[D]), D, ""),
    ],
)
def test_photos_that_may_be_meant_upright_are_refused_by_the_first_of_them(
    turned: Turned, first: Path, more: str
) -> None:
    with pytest.raises(Refused) as caught:
        told(turned, "refuse", unclear="QQ")
    assert caught.value.where == str(first)
    assert more in caught.value.why and ("more" in caught.value.why) == bool(more)
    assert ("QQ" in caught.value.why, "ignore" in caught.value.fix) == (not turned.upright, not turned.upright)
    assert "--exif apply" in caught.value.fix


@pytest.mark.parametrize("workers", [0, 2])
def test_turned_photos_are_counted_over_all_selections_and_noted_of_each(tmp_path: Path, workers: int) -> None:
    for name, orientations in (("a", (6, 1, 3)), ("b", (1, 1)), ("c", (8, 2))):
        for number, orientation in enumerate(orientations, 1):
            draw(tmp_path / name / f"{number}.jpg", orientation)
    selections = [
        selected(tmp_path / name, [1, 2], split, "apply", None) for name, split in zip("abc", SPLITS, strict=True)
    ]
    notes = Notes()
    assert check_turns(selections, Execution(workers=workers, progress=notes)) == 3
    assert [note.split(" turned")[0] for note in notes.said] == ["note: 1 photo of train", "note: 2 photos of test"]


def test_the_size_that_a_json_says_decides_and_only_of_photos_with_samples(tmp_path: Path) -> None:
    for number, orientation in enumerate((6, 6, 1), 1):
        draw(tmp_path / f"{number}.jpg", orientation)
    assert check_turns([selected(tmp_path, [1, 1, 1])], Execution()) == 2
    for people, first in (([1, 1, 1], "1.jpg"), ([-1, 1, 1], "2.jpg")):
        for said in (SIZE[::-1], None):
            with pytest.raises(Refused) as caught:
                check_turns([selected(tmp_path, people, said=said)], Execution())
            assert caught.value.where == str(tmp_path / first)
    assert check_turns([selected(tmp_path, [-1, -1, 1], said=None)], Execution()) == 0


def test_one_selection_that_is_refused_is_not_excused_by_another(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw(tmp_path / name / "1.jpg", 6)
    stored = selected(tmp_path / "a", [1])
    unclear = selected(tmp_path / "b", [1], "val", said=None)
    with pytest.raises(Refused):
        check_turns([stored, unclear], Execution())


def test_a_photo_that_is_missing_torn_or_outside_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    put(folder, ["", "torn"])
    draw(tmp_path / "outside.jpg", 6)
    (folder / "3.jpg").symlink_to(tmp_path / "outside.jpg")
    draw(folder / "4.jpg", 3, "PNG")
    assert check_turns([selected(folder, [1] * 4)], Execution()) == 1
    assert find_twins([selected(folder, [1] * 4)]) == []


@given(st.lists(st.sampled_from(["", "a", "b", "cc", "dd"]), min_size=1, max_size=6), st.integers(0, 5), st.data())
@settings(max_examples=40)
def test_photos_of_the_same_bytes_are_found_in_one_json_and_in_several(
    tmp_path_factory: pytest.TempPathFactory, contents: list[str], first_of_val: int, data: st.DataObject
) -> None:
    root = tmp_path_factory.getbasetemp() / "twins"
    root.mkdir(exist_ok=True)
    cut = min(first_of_val, len(contents) - 1)
    parts = [contents[cut:], *([contents[:cut]] if cut else [])]
    people = [[1, *(data.draw(st.sampled_from([1, 2, -1])) for _ in part[1:])] for part in parts]
    selections = []
    for name, part, counts, split in zip("ab"[: len(parts)], parts, people, SPLITS[: len(parts)], strict=True):
        put(root / name, part)
        selections.append(selected(root / name, counts, split))
    keys: dict[str, list[Key]] = {}
    for i, (part, counts) in enumerate(zip(parts, people, strict=True)):
        for number, (content, count) in enumerate(zip(part, counts, strict=True), 1):
            if content and count > 0:
                keys.setdefault(content, []).append((i, number))
    assert sorted(find_twins(selections)) == sorted(one for one in keys.values() if len(one) > 1)


def test_a_link_to_a_photo_of_the_folder_is_its_twin(tmp_path: Path) -> None:
    put(tmp_path, ["a", "b"])
    (tmp_path / "3.jpg").symlink_to(tmp_path / "1.jpg")
    assert find_twins([selected(tmp_path, [1, 1, 1])]) == [[(0, 1), (0, 3)]]


def test_ids_of_one_photo_count_as_one_within_each_json(tmp_path: Path) -> None:
    one = selected(tmp_path / "a", [1, 2, -1, 1, 1])
    other = selected(tmp_path / "b", [1, 1, 1], "val")
    twins = [[(0, 2), (0, 4), (1, 3)], [(0, 5), (1, 1), (1, 2)]]
    merged = with_twins_merged([one, other], twins)
    assert [fate.photo for fate in one.fates] == [0, 1, 1, 2, 3, 4]
    assert [fate.photo for fate in merged[0].fates] == [0, 1, 1, 2, 1, 4]
    assert [fate.photo for fate in merged[1].fates] == [0, 0, 2]
    assert [replace(fate, photo=0) for fate in merged[0].fates] == [replace(fate, photo=0) for fate in one.fates]
    assert with_twins_merged([one, other], []) == [one, other]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Selection, Selection]:
    root = tmp_path_factory.mktemp("pair")
    return selected(root / "a", [2] * 4), selected(root / "b", [1] * 4, "val", first=5)


@given(
    st.lists(st.sampled_from([None, *SPLITS]), min_size=8, max_size=8), st.permutations(range(1, 9)), st.integers(1, 7)
)
@settings(max_examples=60)
def test_where_twins_went_is_what_a_look_at_every_pair_finds(
    pair: tuple[Selection, Selection], went: list[Split | None], order: list[int], cut: int
) -> None:
    """Photos 1 to 4 of one JSON with two people each, of which one may be in another split; 5 to 8 of another."""
    one, other = pair
    of = {photo: {went[photo - 1], went[-photo]} if photo < 5 else {went[photo - 1]} for photo in range(1, 9)}
    fates = [replace(fate, split=went[n // 2] if n % 2 else went[-1 - n // 2]) for n, fate in enumerate(one.fates)]
    one = replace(one, fates=tuple(fates))
    other = replace(other, fates=tuple(replace(fate, split=went[4 + n]) for n, fate in enumerate(other.fates)))
    groups = [[(int(photo > 4), photo) for photo in part] for part in (order[:cut], order[cut:]) if len(part) > 1]
    found = where_twins_are([one, other], groups)
    within = {s: [sorted(p for _, p in group if s in of[p]) for group in groups] for s in SPLITS}
    assert found.within == {
        split: kept for split, ids in within.items() if (kept := [one for one in ids if len(one) > 1])
    }
    between = {
        pair: sum(bool(first) and bool(second) for first, second in zip(within[pair[0]], within[pair[1]], strict=True))
        for pair in itertools.combinations(SPLITS, 2)
    }
    assert found.between == {pair: count for pair, count in between.items() if count}
