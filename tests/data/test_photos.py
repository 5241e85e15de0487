"""Which files are meant, what they are called, and which boxes belong to which."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.data.boxes import CROWD, NO_AREA, NO_BOX, Box, BoxedImage, BoxFile
from shgae.data.photos import NOT_GIVEN, boxed_photos, have_more, left_out, list_photos, whole_photos
from shgae.errors import Refused

BOX = Box((0, 0, 5, 5))


def touch(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [folder / name for name in names]


def boxes(*images: tuple[int | None, str | None]) -> BoxFile:
    made = tuple(BoxedImage(f"image {n}", image_id, name, boxes=[BOX]) for n, (image_id, name) in enumerate(images))
    return BoxFile(Path("boxes.json"), "", made, Counter())


def test_a_folder_gives_its_own_photos_sorted_and_nothing_else(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a.png", "c.txt", ".d.jpg", "deeper/e.jpg", "f.webp")
    (tmp_path / "g.jpg").mkdir()
    photos, empty = list_photos([tmp_path])
    assert [photo.name for photo in photos] == ["a.png", "b.JPG", "f.webp"]
    assert empty == []


def test_files_are_taken_as_they_are_once_and_in_order(tmp_path: Path) -> None:
    b, a = touch(tmp_path, "b.jpg", "a.odd")
    missing = tmp_path / "missing.jpg"
    (tmp_path / "here").symlink_to(tmp_path)
    photos, _ = list_photos([b, a, tmp_path, missing, b, tmp_path / "here", tmp_path / "here" / "b.jpg"])
    assert photos == [b, a, missing]


def test_links_to_one_file_are_photos_of_their_own_and_have_boxes_of_their_own(tmp_path: Path) -> None:
    touch(tmp_path, "store/blob", "photos/c.jpg")
    links = [tmp_path / "photos" / name for name in ("a.jpg", "b.jpg")]
    for link in links:
        link.symlink_to(tmp_path / "store" / "blob")
    photos, _ = list_photos([tmp_path / "photos", *links])
    assert photos == [*links, tmp_path / "photos" / "c.jpg"]
    found, skipped = boxed_photos(photos, boxes((None, "a.jpg"), (None, "b.jpg")))
    assert [photo.path for photo in found] == links and not skipped


def test_a_link_that_leads_nowhere_is_a_photo_that_cannot_be_read_and_not_nothing(tmp_path: Path) -> None:
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "unmounted" / "lost.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "folder.jpg")
    assert list_photos([tmp_path]) == ([tmp_path / "lost.jpg"], [])


def test_a_folder_without_photos_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "text/a.txt", "photos/a.jpg")
    assert list_photos([tmp_path / "text", tmp_path / "photos"])[1] == [tmp_path / "text"]


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["000139.jpg", "7.png"], [139, 7]),
        (["139.jpg", "000139.png"], [1, 2]),
        (["139.jpg", "x.png"], [1, 2]),
        (["²³.jpg", "4.jpg"], [1, 2]),
        ([f"{'9' * 30}.jpg"], [1]),
    ],
)
def test_stems_that_are_numbers_are_the_ids_if_all_are_and_differ(names: list[str], ids: list[int]) -> None:
    assert [photo.image_id for photo in whole_photos([Path(name) for name in names])] == ids


def test_photos_of_one_name_are_called_by_their_paths() -> None:
    named = [photo.file_name for photo in whole_photos([Path("x/a.jpg"), Path("y/a.jpg"), Path("y/b.jpg")])]
    assert named == ["x/a.jpg", "y/a.jpg", "b.jpg"]


def test_images_are_found_by_the_end_of_the_path_or_by_number() -> None:
    photos = [Path("/p/val/000000000139.jpg"), Path("/p/val/b.jpg"), Path("/p/train/b.jpg"), Path("/p/c.jpg")]
    found, skipped = boxed_photos(photos, boxes((8, "train/b.jpg"), (139, None), (5, "b/c.jpg"), (4, "d.jpg")))
    assert [(photo.path, photo.image_id) for photo in found] == [(photos[0], 139), (photos[2], 8)]
    assert skipped == {NOT_GIVEN: 2}


def test_without_any_image_id_photos_keep_their_own() -> None:
    photos = [Path("a.jpg"), Path("b.jpg"), Path("c.jpg")]
    found, _ = boxed_photos(photos, boxes((None, "c.jpg"), (None, "b.jpg")))
    assert [(photo.file_name, photo.image_id) for photo in found] == [("b.jpg", 2), ("c.jpg", 3)]


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([(1, "a.jpg")], "image 0 could be x/a.jpg or y/a.jpg"),
        ([(139, None)], "image 0 could be x/139.jpg or y/0139.jpg"),
        ([(1, "b.jpg"), (2, "x/b.jpg")], "image 0 and image 1 are both x/b.jpg"),
        ([(1, "q.jpg"), (2, "r.jpg")], "no box is of one of the 5 photos (of a photo that was not given: 2)"),
        ([], "it holds no box"),
    ],
)
def test_what_is_ambiguous_or_fits_nothing_is_refused(images: list[tuple[int, str | None]], words: str) -> None:
    photos = [Path(name) for name in ("x/a.jpg", "y/a.jpg", "x/b.jpg", "x/139.jpg", "y/0139.jpg")]
    with pytest.raises(Refused) as refused:
        boxed_photos(photos, boxes(*images))
    assert words in refused.value.line()


def test_a_photo_may_be_named_without_its_suffix() -> None:
    photos = [Path("x/a.b.jpg"), Path("y/a.b.png"), Path("y/c"), Path("y/c.jpg")]
    found, _ = boxed_photos(photos, boxes((1, "x/a.b"), (2, "c")))
    assert [(photo.path, photo.image_id) for photo in found] == [(photos[0], 1), (photos[2], 2)]
    with pytest.raises(Refused, match=r"image 0 could be x/a\.b\.jpg or y/a\.b\.png"):
        boxed_photos(photos, boxes((1, "a.b")))


def test_a_photo_may_be_named_with_another_suffix_where_no_better_name_is_there() -> None:
    photos = [Path("x/a.png"), Path("x/frame.0001.png")]
    found, _ = boxed_photos(photos, boxes((1, "x/a.JPG"), (2, "frame.jpg")))
    assert [(photo.path, photo.image_id) for photo in found] == [(photos[0], 1)]
    found, skipped = boxed_photos(photos, boxes((1, "a.jpg"), (2, "a.png"), (3, "frame.0001"), (4, "frame.0002")))
    assert [photo.image_id for photo in found] == [2, 3]
    assert skipped == {NOT_GIVEN: 2}


def test_a_number_without_a_photo_says_how_that_would_be_called() -> None:
    with pytest.raises(Refused) as refused:
        boxed_photos([Path("a.jpg")], boxes((7, "b.jpg"), (8001, None)))
    wanted = "image_id 8001 wants a photo named 8001 (zeros before it are fine). Try: photos named so, or file_name in"
    assert wanted in refused.value.line()
    with pytest.raises(Refused) as refused:
        boxed_photos([Path("a.jpg")], boxes((7, "b.jpg")))
    assert "image_id" not in refused.value.line()


@pytest.mark.parametrize(
    ("skipped", "fix"),
    [
        ({CROWD: 3, NO_AREA: 1}, "iscrowd 0"),
        ({NO_AREA: 1}, "boxes with an area"),
        ({NO_BOX: 2, NO_AREA: 1}, "bbox as its key"),
        ({NO_BOX: 1}, "bbox as its key"),
    ],
)
def test_where_no_box_is_left_the_fix_is_that_of_the_most_frequent_reason(skipped: dict[str, int], fix: str) -> None:
    with pytest.raises(Refused) as refused:
        boxed_photos([Path("a.jpg")], BoxFile(Path("boxes.json"), "", (), Counter(skipped)))
    assert refused.value.fix.startswith(fix)


@pytest.mark.parametrize("root", ["/data/coco/", "http://images.cocodataset.org/", "C:\\data\\", "../", "s3://bucket/"])
def test_a_path_of_another_machine_is_found_by_what_the_others_do_not_share(root: str) -> None:
    photos = [Path("/here/photos/a.jpg"), Path("/here/photos/b.jpg")]
    found, _ = boxed_photos(photos, boxes((1, f"{root}train/a.jpg"), (2, f"{root}train/b.jpg")))
    assert [photo.image_id for photo in found] == [1, 2]
    photos = [Path("/here/one/1.jpg"), Path("/here/two/1.jpg")]
    found, skipped = boxed_photos(photos, boxes(*((n, f"{root}{name}/1.jpg") for n, name in enumerate(("two", "one")))))
    assert [photo.image_id for photo in found] == [1, 0]
    found, skipped = boxed_photos(
        photos[:1], boxes(*((n, f"{root}{name}/1.jpg") for n, name in enumerate(("two", "one"))))
    )
    assert ([photo.image_id for photo in found], skipped) == ([1], {NOT_GIVEN: 1})
    found, _ = boxed_photos(photos, boxes((5, f"{root}two/1.jpg")))
    assert [photo.path for photo in found] == photos[1:], "the nearest"
    with pytest.raises(Refused, match="could be"):
        boxed_photos(photos, boxes((5, f"{root}three/1.jpg")))
    with pytest.raises(Refused, match=r"a path that ends in two/1\.jpg"):
        boxed_photos(
            [Path("/here/1.jpg")], boxes(*((n, f"{root}{name}/1.jpg") for n, name in enumerate(("two", "one"))))
        )


def test_that_paths_are_of_another_machine_is_noted_and_those_of_this_one_are_taken_as_they_are() -> None:
    photos, said = [Path("/here/photos/a.jpg"), Path("/here/photos/b.jpg")], list[str]()
    boxed_photos(photos, boxes((1, "/data/coco/a.jpg"), (2, "/data/coco/c.jpg")), said.append)
    assert ["/data/coco" in note for note in said] == [True]
    found, skipped = boxed_photos(photos, boxes((1, "/here/photos/a.jpg"), (2, "/here/other/b.jpg")), said.append)
    assert ([photo.image_id for photo in found], skipped, len(said)) == ([1], {NOT_GIVEN: 1}, 1)


def test_names_of_2014_and_2017_are_those_of_one_photo_of_coco() -> None:
    old, new = Path("COCO_val2014_000000000139.jpg"), Path("000000000139.jpg")
    for photo, name in ((old, None), (old, "000000000139"), (old, new.name), (new, f"val2014/{old.name}")):
        if "/" in (name or ""):
            photo = Path("val2014") / photo
        ((found,), _) = boxed_photos([photo], boxes((139, name)))
        assert (found.path, found.image_id, found.file_name) == (photo, 139, photo.name)
    assert whole_photos([old])[0].image_id == 1
    with pytest.raises(Refused):
        boxed_photos([Path("COCO_mine_000000000139.jpg")], boxes((139, None)))


@given(st.text(st.sampled_from("./ab\0\\~"), min_size=1, max_size=12))
def test_a_file_name_never_finds_anything_but_a_given_photo_that_ends_so(name: str) -> None:
    photos = [Path("/root/a/b"), Path("/root/b")]
    try:
        found, _ = boxed_photos(photos, boxes((1, name)))
    except Refused:
        return
    slashed = name.replace("\\", "/").replace("./", "").strip("/")  # as Windows writes it
    ends = (slashed, str(PurePosixPath(slashed).with_suffix("")))
    assert [str(photo.path).endswith(ends) for photo in found] == [True]


def test_a_number_has_at_most_eighteen_digits() -> None:
    assert [photo.image_id for photo in whole_photos([Path(f"{'9' * 18}.jpg")])] == [10**18 - 1]
    assert [photo.image_id for photo in whole_photos([Path(f"{'9' * 19}.jpg")])] == [1]


def test_a_photo_has_the_people_of_its_boxes_or_is_one_person() -> None:
    (whole,) = whole_photos([Path("a.jpg")])
    assert (whole.people, whole.boxes, whole.size) == (1, None, None)
    three = BoxFile(Path("boxes.json"), "", (BoxedImage("", 7, "a.jpg", boxes=[BOX] * 3, size=(4, 5)),), Counter(odd=2))
    ((found,), skipped) = boxed_photos([Path("a.jpg")], three)
    assert (found.people, found.boxes, found.size, found.image_id) == (3, (BOX,) * 3, (4, 5), 7)
    assert skipped == {"odd": 2}
    assert three.skipped == {"odd": 2}


def test_the_image_of_number_zero_is_the_photo_of_that_name() -> None:
    ((found,), _) = boxed_photos([Path("1.jpg"), Path("0.jpg")], boxes((0, None)))
    assert (found.path, found.image_id) == (Path("0.jpg"), 0)


def test_a_single_photo_is_called_so_when_no_box_is_of_it() -> None:
    for photos, words in (([Path("a.jpg")], "the only photo"), ([Path("a.jpg"), Path("b.jpg")], "one of the 2 photos")):
        with pytest.raises(Refused, match=words):
            boxed_photos(photos, boxes((7, ".")))


def test_a_photo_of_a_folder_is_a_file_with_the_suffix_of_one(tmp_path: Path) -> None:
    touch(tmp_path, "a", "b.jpg.txt", "c.JPEG", "d.gif")
    assert [photo.name for photo in list_photos([tmp_path])[0]] == ["c.JPEG", "d.gif"]


def test_files_that_are_not_taken_for_photos_are_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.JPEG", "c.tif", "d.TIF", "e.heic", "f.jpg_large", "none", ".hidden.tif")
    (tmp_path / "g.jp2").mkdir()
    assert left_out([tmp_path, tmp_path / "a.jpg"]) == {".heic": 1, ".jpg_large": 1, ".tif": 2, "no suffix": 1}


def test_a_look_for_photos_in_subfolders_ends_after_so_many_files_and_folders_of_each_that_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shgae.data.photos._SHORT_LOOK", 4)
    (photo,) = touch(tmp_path / "four", "1.txt", "2.txt", "3.txt", "sub/a.jpg")[3:]
    touch(tmp_path / "five", "1.txt", "2.txt", "3.txt", "4.txt", "sub/a.jpg")
    touch(tmp_path / "deep", "1.txt", "sub/2.txt", "sub/3.txt", "sub/deeper/a.jpg")
    four, five, deep = (tmp_path / name for name in ("four", "five", "deep"))
    assert [have_more([folder], []) for folder in (four, five, deep)] == [True, False, False]
    assert have_more([five, four], []) is True, "each is looked at for itself"
    assert have_more([four, five], [photo]) is False


def test_a_number_in_a_text_is_the_id_of_an_image_that_has_no_other() -> None:
    photos = [Path("007.jpg"), Path("x.jpg")]
    found, _ = boxed_photos(photos, boxes((None, "7")))
    assert [photo.path for photo in found] == photos[:1]
    for image in ((7, "0007"), (None, "7.0"), (None, "\u0667"), (None, "7" * 20), (None, "8"), (8, None)):
        found, skipped = boxed_photos(photos, boxes(image, (1, "x.jpg")))
        assert ([photo.path for photo in found], skipped) == (photos[1:], {NOT_GIVEN: 1})
