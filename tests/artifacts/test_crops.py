from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from shgae.artifacts import crops as crops_module
from shgae.artifacts.crops import Crops, CropWriter, PeopleTable, all_people, photo_names, shard_name, split_size
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact, open_artifact
from shgae.artifacts.tables import write_rows
from shgae.errors import Refused
from shgae.execution import Execution

SIZE, KEYPOINTS = 6, 3


def people(count: int) -> PeopleTable:
    rng = np.random.default_rng(count)
    return PeopleTable(
        xy_crop=rng.uniform(0, SIZE, (count, KEYPOINTS, 2)).astype(np.float32),
        visibility=rng.integers(0, 3, (count, KEYPOINTS), np.uint8),
        annotation_id=rng.integers(0, 2**53, count),
        photo_id=np.arange(count) // 2,
        square=rng.uniform((-9, -9, 1), 640, (count, 3)),
        box=rng.uniform(0, 640, (count, 4)),
        photo_size=np.full((count, 2), (640, 480)),
        valid=np.full((count, 4), (0, 0, SIZE, SIZE)),
    )


def drawn(count: int, side: int = SIZE) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (count, side, side, 3), np.uint8)


def stored(target: Path, side: int = SIZE, **splits: PeopleTable) -> Artifact:
    counts = {split: len(table) for split, table in splits.items()}
    with new_artifact(target, kind="data", config={}, parents={}, execution=Execution()) as made:
        for split, count in counts.items():
            if count:
                writer = CropWriter(made, split, side, count)
                for crop in drawn(count, side):
                    writer.add(crop)
                writer.finish(splits[split])
        return made.commit({"splits": counts, "crop_size": SIZE})


def prepared(target: Path, **splits: int) -> Artifact:
    return stored(target, **{split: people(count) for split, count in splits.items()})


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops_module, "SHARD_ROWS", 4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("visibility", 3), ("xy_crop", np.nan), ("xy_crop", np.inf), ("square", 0), ("square", -5), ("square", np.nan),
        ("box", np.nan), ("box", np.inf), ("photo_size", -1), ("valid", (5, 0, 2, 6)), ("valid", (0, 5, 6, 2)),
        ("square", (-1e30, 0, 9)), ("box", 1e30), ("xy_crop", -1e30),
    ],
)  # fmt: skip
def test_people_with_numbers_that_nobody_wrote_are_refused(tmp_path: Path, name: str, value: object) -> None:
    made = people(5)
    made.visibility[3] = 2
    made.arrays()[name][3] = value
    data = stored(tmp_path / "data", train=made)
    with pytest.raises(Refused, match=f"{name} of annotation {made.annotation_id[3]} "):
        Crops(data, "train")


@pytest.mark.parametrize(
    "change",
    [{"image_id": None}, {"image_id": "5"}, {"file_name": None}, {"file_name": 3}, {"file_name": []}, {"reason": {}},
     {"source": []}, {"split": 7}],
)  # fmt: skip
def test_a_row_of_the_table_of_people_that_nobody_wrote_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    row = {"image_id": 5, "file_name": "a.jpg", "split": "train", "source": "train", "reason": None}
    with new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=Execution()) as draft:
        write_rows(draft.file("people.jsonl"), [row, row | change])
        data = draft.commit({"splits": {"train": 0}, "crop_size": SIZE})
    with pytest.raises(Refused, match="prepare writes"):
        photo_names(data, "train")


def test_photos_have_the_names_that_the_rows_of_their_split_give(tmp_path: Path) -> None:
    base = {"file_name": "a.jpg", "split": "train", "source": "train", "reason": None}
    rows = [base | {"image_id": 5}, base | {"photo_id": 6, "file_name": "b.jpg", "reason": "crowd"}]
    rows += [base | {"image_id": 7, "split": "val"}, base | {"image_id": 8, "split": None}]
    with new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=Execution()) as draft:
        write_rows(draft.file("people.jsonl"), rows)
        data = draft.commit({"splits": {"train": 0}, "crop_size": SIZE})
    assert list(all_people(data)) == rows
    assert photo_names(data, "train") == {5: "a.jpg", 6: "b.jpg"}


def test_one_annotation_is_one_person(tmp_path: Path) -> None:
    made = people(3)
    made.annotation_id[2] = made.annotation_id[0]
    data = stored(tmp_path / "data", train=made)
    with pytest.raises(Refused, match="is there twice"):
        Crops(data, "train")


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 11])
def test_crops_and_people_come_back_over_any_number_of_shards(tmp_path: Path, count: int) -> None:
    prepared(tmp_path / "data", train=count)
    data = open_artifact(tmp_path / "data", "data")
    assert sum(name.startswith("train/crops-") for name in data.manifest.files) == -(-count // 4)
    crops = Crops(data, "train")
    assert (len(crops), crops.crop_size) == (count, SIZE)
    np.testing.assert_array_equal(crops.read(np.arange(count)), drawn(count))
    for name, array in people(count).arrays().items():
        np.testing.assert_array_equal(getattr(crops.people, name), array)
        assert getattr(crops.people, name).dtype == array.dtype


def test_rows_are_read_in_any_order_and_as_often_as_asked(tmp_path: Path) -> None:
    crops = Crops(prepared(tmp_path / "data", train=11), "train")
    rows = np.array([10, 0, 4, 3, 3, 7])
    read = crops.read(rows)
    np.testing.assert_array_equal(read, drawn(11)[rows])
    read[:] = 0  # what is read is a copy
    np.testing.assert_array_equal(crops.read(rows), drawn(11)[rows])


def test_the_files_of_rows_are_known_and_one_that_was_replaced_since_is_refused(tmp_path: Path) -> None:
    data = prepared(tmp_path / "data", train=11)
    crops = Crops(data, "train")
    names = [shard_name("train", shard) for shard in range(3)]
    assert crops.files_of(np.array([9, 0, -1, 3])) == [names[0], names[2]]
    crops.check_same(names)
    content = data.file(names[1]).read_bytes()
    data.file(names[1]).unlink()
    data.file(names[1]).write_bytes(content + b" ")
    crops.check_same([names[0], names[2]])
    with pytest.raises(Refused, match=names[1]):
        crops.check_same(names)


def test_of_crops_with_context_the_middle_is_the_crop(tmp_path: Path) -> None:
    side, rows = SIZE + 4, np.array([5, 0])
    crops = Crops(stored(tmp_path / "data", side, train=people(6)), "train")
    assert (crops.crop_size, crops.stored_size) == (SIZE, side)
    np.testing.assert_array_equal(crops.read(rows, context=True), drawn(6, side)[rows])
    np.testing.assert_array_equal(crops.read(rows), drawn(6, side)[rows, 2:-2, 2:-2])


@pytest.mark.parametrize("limit", [None, 7])
def test_rows_from_the_end_are_those_of_the_people_and_rows_beyond_it_are_an_error(
    tmp_path: Path, limit: int | None
) -> None:
    crops = Crops(prepared(tmp_path / "data", train=11), "train", limit)
    count = len(crops)
    for rows in (np.array([-1, -count, 0]), np.arange(-count, 0)):
        assert np.array_equal(crops.read(rows), drawn(11)[:count][rows])
        assert crops.files_of(rows) == crops.files_of(np.arange(count)[rows])
    for row in (count, -count - 1):
        with pytest.raises(IndexError):
            crops.read(np.array([row]))


@pytest.mark.parametrize(("limit", "rows"), [(1, 1), (4, 4), (5, 5), (11, 11), (99, 11), (None, 11)])
def test_a_limit_keeps_the_first_people(tmp_path: Path, limit: int | None, rows: int) -> None:
    crops = Crops(prepared(tmp_path / "data", train=11), "train", limit)
    assert len(crops) == len(crops.people) == rows
    np.testing.assert_array_equal(crops.people.annotation_id, people(11).annotation_id[:rows])
    np.testing.assert_array_equal(crops.read(np.arange(rows)), drawn(11)[:rows])
    assert len(crops._shards) == -(-rows // 4)


@pytest.mark.parametrize("split", ["test", "validation"])
def test_a_split_that_is_not_there_is_refused_with_what_is_and_how_to_get_it(tmp_path: Path, split: str) -> None:
    data = prepared(tmp_path / "data", train=2, val=1, test=0)
    with pytest.raises(Refused, match=f"split {split} in .*train, val only.*shgae prepare"):
        Crops(data, split)


def test_splits_do_not_mix(tmp_path: Path) -> None:
    data = prepared(tmp_path / "data", train=5, val=2)
    assert (len(Crops(data, "train")), len(Crops(data, "val"))) == (5, 2)
    assert data.file(shard_name("val", 0)).is_file()


@pytest.mark.parametrize(("crops", "rows"), [(2, 3), (3, 2), (0, 1)])
def test_a_writer_whose_table_has_other_people_than_crops_fails(tmp_path: Path, crops: int, rows: int) -> None:
    with new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=Execution()) as made:
        writer = CropWriter(made, "train", SIZE, 3)
        for crop in drawn(crops):
            writer.add(crop)
        with pytest.raises(ValueError, match=f"{crops} crops, {rows} people"):
            writer.finish(people(rows))


def test_a_writer_may_end_with_fewer_crops_than_it_could_have_had(tmp_path: Path) -> None:
    for most, count in ((9, 6), (9, 4), (3, 2)):
        with new_artifact(
            tmp_path / f"{most}-{count}", kind="data", config={}, parents={}, execution=Execution()
        ) as made:
            writer = CropWriter(made, "train", SIZE, most)
            for crop in drawn(count):
                writer.add(crop)
            writer.finish(people(count))
            shards = sorted(path.name for path in made.path.rglob("crops-*"))
        assert len(shards) == -(-count // 4)


def test_a_writer_holds_one_shard_at_most(tmp_path: Path) -> None:
    with new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=Execution()) as made:
        assert CropWriter(made, "train", SIZE, 1_000_000)._shard.shape == (4, SIZE, SIZE, 3)
        assert CropWriter(made, "val", SIZE, 2)._shard.shape == (2, SIZE, SIZE, 3)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 11])
def test_the_size_of_a_split_is_known_to_the_byte_before_it_is_written(tmp_path: Path, count: int) -> None:
    data = prepared(tmp_path / "data", train=count)
    assert sum(entry.size for entry in data.manifest.files.values()) == split_size(count, KEYPOINTS, SIZE)


NO_LIMIT = crops_module.resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "set_to"),
    [
        ((256, 4096), [(262, 4096)]),
        ((256, NO_LIMIT), [(262, NO_LIMIT)]),
        ((256, 260), [(260, 260)]),
        ((261, 4096), [(262, 4096)]),
        ((262, 4096), []),
        ((1024, 4096), []),
        ((NO_LIMIT, NO_LIMIT), []),
    ],
)
def test_as_many_open_files_are_asked_for_as_shards_need_and_the_machine_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], set_to: list[tuple[int, int]]
) -> None:
    data, found = prepared(tmp_path / "data", train=11), []
    monkeypatch.setattr(crops_module.resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(crops_module.resource, "setrlimit", lambda _, wanted: found.append(wanted))
    Crops(data, "train")  # of three shards
    assert found == set_to


def test_a_filled_crop_has_the_mean_colour_where_the_photo_does_not_reach(tmp_path: Path) -> None:
    data = prepared(tmp_path / "data", train=2)
    facts = {**data.manifest.facts, "mean_rgb": [1.0, 0.5, 0.0]}
    crops = Crops(replace(data, manifest=replace(data.manifest, facts=facts)), "train")
    crops.people.valid[1] = (1, 2, SIZE, SIZE - 1)
    (first, second), plain = crops.filled(np.array([0, 1])), crops.read(np.array([1]))[0]
    assert np.array_equal(first, crops.read(np.array([0]))[0])
    for y in range(SIZE):
        for x in range(SIZE):
            is_photo = x >= 1 and 2 <= y < SIZE - 1
            assert second[y, x].tolist() == (plain[y, x].tolist() if is_photo else [255, 128, 0])


@pytest.mark.parametrize("splits", [{"train": 2}, {"train": 4}])
def test_a_table_of_more_or_fewer_people_than_the_manifest_says_is_refused(
    tmp_path: Path, splits: dict[str, int]
) -> None:
    data = prepared(tmp_path / "data", train=3)
    other = replace(data, manifest=replace(data.manifest, facts={**data.manifest.facts, "splits": splits}))
    with pytest.raises(Refused, match="its manifest wants"):
        Crops(other, "train")


def test_crops_smaller_than_the_manifest_says_are_refused(tmp_path: Path) -> None:
    data = prepared(tmp_path / "data", train=3)
    other = replace(data, manifest=replace(data.manifest, facts={**data.manifest.facts, "crop_size": 2 * SIZE}))
    with pytest.raises(Refused, match="its manifest wants"):
        Crops(other, "train")


def test_rows_of_a_file_that_was_written_to_are_refused_and_the_others_are_read(tmp_path: Path) -> None:
    crops = Crops(prepared(tmp_path / "data", train=8), "train")
    file = tmp_path / "data" / shard_name("train", 1)
    os.utime(file, ns=(1, 1))
    assert len(crops.read(np.arange(8))) == 8  # of another time alone
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(file, ns=(2, 2))
    np.testing.assert_array_equal(crops.read(np.arange(4)), drawn(8)[:4])
    with pytest.raises(Refused, match="crops-00001.safetensors was changed while it was read"):
        crops.read(np.array([0, -1]))
