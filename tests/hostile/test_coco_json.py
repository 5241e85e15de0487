"""Mutated COCO JSONs: whatever stands in one, prepare does it or says in one short line why not."""

from __future__ import annotations

import copy
import json
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.builders.manifests import places
from tests.hostile.conftest import End, run
from tests.promises import Kept

Document = dict[str, Any]
PROMISE = "A mutated COCO JSON is read, or refused in one line of at most 200 characters, within 2 s and 1 GB"
NAMES = ["nose", "left_hand", "right_hand"]
SIDE = 24


def document() -> Document:
    """Six photos with two people each, and a crowd and somebody without labels among them."""
    images = [{"id": i, "file_name": f"{i}.png", "width": SIDE, "height": SIDE, "license": 3} for i in range(6)]
    people = [
        {
            "id": 100 + 2 * i + j,
            "image_id": i,
            "category_id": 1,
            "iscrowd": int((i, j) == (5, 1)),
            "area": 64.5,
            "bbox": [2.0 + j, 3, 12, 14.5],
            "num_keypoints": 3,
            "keypoints": [0] * 9 if (i, j) == (4, 1) else [4 + j, 5, 2, 9, 8.5, 1, 13, 15, 2],
            "segmentation": [[1, 2, 3, 4, 5, 6]],
        }
        for i in range(6)
        for j in range(2)
    ]
    category = {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": [*NAMES],
        "skeleton": [[1, 2], [1, 3]],
    }
    return {"info": {"year": 2017}, "images": images, "annotations": people, "categories": [category]}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photos of :func:`document`."""
    folder = tmp_path_factory.mktemp("photos")
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    for entry in document()["images"]:
        Image.fromarray(pixels).save(folder / entry["file_name"])
    return folder


@pytest.fixture
def prepared(here: Path, photos: Path) -> Callable[[str | bytes, bool], End]:
    """Runs prepare on the text of a JSON; broken people and photos are refused, or dropped and counted."""
    Path("photos").symlink_to(photos)

    def prepare(text: str | bytes, tolerant: bool) -> End:
        Path("people.json").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        options = ["--bad-people", "drop", "--max-bad-photos", 9] if tolerant else []
        end = run("prepare", "--train", "people.json", "photos", "-o", "out", "--crop-size", 128, "--json", *options)
        end.check()
        if end.code == 0:
            # What was read strictly means the same to any reader: nobody is lost.
            parsed = json.loads(Path("people.json").read_bytes())
            # Of another category that the file lists they are other things; of one that it does not, broken people.
            others = [one["id"] for one in parsed["categories"] if one["id"] != category_of(parsed)]
            things = [
                one for one in parsed["annotations"] if isinstance(one, dict) and one.get("category_id") in others
            ]
            people = len(parsed["annotations"]) - len(things)
            assert sum(end.result["splits"].values()) + sum(end.result["dropped"].values()) == people
            assert len(Path("out/people.jsonl").read_bytes().splitlines()) == people
            shutil.rmtree("out")
        assert {path.name for path in here.iterdir()} == {"people.json", "photos"}, "something is left"
        return end

    return prepare


def category_of(parsed: Document) -> int:
    with_joints = [one for one in parsed["categories"] if one.get("keypoints")]
    named = [one for one in with_joints if one.get("name") == "person"]
    return int((named if len(with_joints) > 1 else with_joints)[0]["id"])


# Kinds of mutation, each a text from a random number generator

TEXT = json.dumps(document())
JUNK_TEXTS = (
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-0",
        "-0.0",
        f"1{'0' * 400}",
        f"1{'0' * 5000}",
        f"0.{'3' * 400}",
        "1e-400",
    ),
    *(
        '"\\ud800"',
        '"\\udc80.png"',
        '"\\u0000"',
        '"a\\nb"',
        '"../../../etc/passwd"',
        '"/etc/passwd"',
        '"0.png/../../x"',
    ),
    *("null", "true", "{}", "[]", "[[]]", '""', "-1", "0", "3", "1.5", "2147483648", "9223372036854775808", "-1e308"),
    *("[" * 3000 + "]" * 3000, '{"a":' * 3000 + "1" + "}" * 3000, f'"{"x" * 3000}"', f"[{'0,' * 9000}0]"),
)
NUMBERS = [match.span() for match in re.finditer(r"(?<=[ \[:,])-?[0-9.]+(?=[,\]}])", TEXT)]


def flipped(random: random.Random) -> bytes:
    data = bytearray(TEXT.encode())
    for _ in range(random.choice((1, 1, 2, 8))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(data)


def cut(random: random.Random) -> str:
    start, end = random.randrange(len(TEXT)), random.randrange(len(TEXT))
    return random.choice(
        (TEXT[:end], TEXT[start:], TEXT[: min(start, end)] + TEXT[max(start, end) :], TEXT + TEXT[:end])
    )


def with_another_number(random: random.Random) -> str:
    start, end = random.choice(NUMBERS)
    return TEXT[:start] + random.choice(JUNK_TEXTS) + TEXT[end:]


def with_another_value(random: random.Random) -> str:
    content = document()
    for _ in range(random.choice((1, 1, 3))):
        *way, last = random.choice([place for place in places(content) if place])
        holder: Any = content
        for step in way:
            holder = holder[step]
        holder[last] = "JUNK"
    return re.sub('"JUNK"', lambda _: random.choice(JUNK_TEXTS), json.dumps(content))


def rearranged(random: random.Random) -> str:
    """A key or entry left out, given twice, or put where another one was."""
    content = document()
    *way, last = random.choice([place for place in places(content) if place])
    holder: Any = content
    for step in way:
        holder = holder[step]
    kind = random.randrange(3)
    if kind == 0:
        del holder[last]
    elif kind == 1 and isinstance(holder, list):
        holder.insert(last, copy.deepcopy(holder[last]))
    elif kind == 1:
        text = json.dumps(content)
        return text.replace(f'"{last}":', f'"{last}": {random.choice(JUNK_TEXTS)}, "{last}":', 1)
    else:
        *other_way, other_last = random.choice([place for place in places(document()) if place])
        other: Any = document()
        for step in (*other_way, other_last):
            other = other[step]
        holder[last] = other
    return json.dumps(content)


def what_pycocotools_takes(random: random.Random) -> str:
    """NaN as an area, an id twice, an unknown photo, a negative box, v = 3, a number of joints that is a lie."""
    content = document()
    person = random.choice(content["annotations"])
    faults: list[Document] = [
        {"area": float("nan")},
        {"id": random.choice(content["annotations"])["id"]},
        {"image_id": random.randrange(-3, 99)},
        {"bbox": [random.uniform(-99, 99) for _ in range(4)]},
        {"keypoints": [random.choice((0, 1, 2, 3, 17, -1, 1.5, 1e30)) for _ in range(9)]},
        {"num_keypoints": random.randrange(-5, 99)},
    ]
    for fault in random.sample(faults, random.choice((1, 1, 2))):
        person.update(fault)
    return json.dumps(content)


KINDS: tuple[Callable[[random.Random], str | bytes], ...] = (
    *(flipped, cut, with_another_number, with_another_value, rearranged, what_pycocotools_takes),
)


def test_the_document_itself_is_prepared(prepared: Callable[[str | bytes, bool], End]) -> None:
    assert prepared(TEXT, False).result["splits"] == {"train": 10}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_mutated_json_is_done_or_refused_in_a_short_line(
    prepared: Callable[[str | bytes, bool], End], kind: Callable[[random.Random], str | bytes], kept: Kept
) -> None:
    codes = mutate(prepared, kind, range(12))
    assert 2 in codes
    kept(PROMISE, len(codes), "JSONs")


@pytest.mark.torture
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_mutated_json_is_done_or_refused_in_a_short_line(
    prepared: Callable[[str | bytes, bool], End], kind: Callable[[random.Random], str | bytes], kept: Kept
) -> None:
    codes = mutate(prepared, kind, range(12, 182))
    assert 2 in codes
    if kind is not cut:
        assert 0 in codes, "harmless mutations were refused too"
    kept(PROMISE, len(codes), "JSONs")


def mutate(
    prepared: Callable[[str | bytes, bool], End], kind: Callable[[random.Random], str | bytes], seeds: range
) -> list[int]:
    return [prepared(kind(random.Random(f"{kind.__name__} {seed}")), seed % 2 == 0).code for seed in seeds]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from([0, 1, 2, 5, 100]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PLACES = [place for place in places(document()) if place]


@pytest.mark.torture
def test_any_value_anywhere_is_done_or_refused_in_a_short_line(
    prepared: Callable[[str | bytes, bool], End], kept: Kept
) -> None:
    tried = 0

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.sampled_from(PLACES), JSON_VALUES), min_size=1, max_size=3), st.booleans())
    def check(edits: list[tuple[tuple[Any, ...], Any]], tolerant: bool) -> None:
        nonlocal tried
        content = document()
        for place, value in edits:
            holder: Any = content
            try:
                for step in place[:-1]:
                    holder = holder[step]
                holder[place[-1]] = value
            except (KeyError, IndexError, TypeError):
                continue  # an earlier edit took the place away
        prepared(json.dumps(content), tolerant)
        tried += 1

    check()
    kept(PROMISE, tried, "JSONs")


LARGE: dict[str, Callable[[], str]] = {
    "a joint's name of a megabyte": lambda: TEXT.replace("left_hand", "x" * 1_000_000),
    "ten thousand joints": lambda: TEXT.replace('"nose"', ", ".join(f'"{i}"' for i in range(10_000))),
    "a file name of a megabyte": lambda: TEXT.replace("3.png", "y" * 1_000_000),
    "a long file name that is not there": lambda: TEXT.replace("3.png", "/".join(["y" * 200] * 5)),
    "a key of a megabyte, twice": lambda: TEXT.replace(
        '"info"', f'"{"k" * 1_000_000}": 1, "{"k" * 1_000_000}": 2, "i"'
    ),
    "a list of a megabyte as image_id": lambda: TEXT.replace('"image_id": 3', f'"image_id": [{"1," * 500_000}1]', 1),
    "an id of 4,000 digits": lambda: TEXT.replace('"image_id": 3', f'"image_id": {"9" * 4000}', 1),
    "twenty thousand limbs": lambda: TEXT.replace("[1, 2], ", "[1, 2], " * 20_000),
    "a million open brackets": lambda: "[" * 1_000_000,
    "a million open objects": lambda: '{"a":' * 1_000_000,
    "a polygon nested without end": lambda: TEXT.replace("[[1, 2, 3, 4, 5, 6]]", "[" * 100_000, 1),
    "a photo of two thousand million pixels a side": lambda: TEXT.replace(f'"width": {SIDE}', '"width": 2147483647', 1),
    "a million line breaks": lambda: TEXT.replace(", ", ",\n" * 3) + "\n" * 1_000_000 + "x",
}


@pytest.mark.parametrize("kind", LARGE)
@pytest.mark.parametrize("tolerant", [False, True])
def test_what_is_large_in_a_json_is_not_quoted_at_length(
    prepared: Callable[[str | bytes, bool], End], kind: str, tolerant: bool, kept: Kept
) -> None:
    prepared(LARGE[kind](), tolerant)
    kept(PROMISE, 1, "JSONs")


SILENT: dict[str, tuple[Document, str, str | None]] = {
    "an id twice": ({"id": 102}, "annotation id 102 is given twice", None),
    "an unknown photo": (
        {"image_id": 77},
        "of a photo that is not listed (image_id 77)",
        "of a photo that is not listed",
    ),
    "v = 3": ({"keypoints": [4, 5, 3] * 3}, "visibility other than 0, 1 and 2", "visibility other than 0, 1 and 2"),
}
"""What pycocotools takes without a word: a change of a person, the refusal, and the reason for dropping where asked."""


@pytest.mark.parametrize("fault", SILENT)
def test_what_pycocotools_takes_in_silence_is_refused_or_dropped_and_counted(
    prepared: Callable[[str | bytes, bool], End], fault: str
) -> None:
    change, refusal, dropped = SILENT[fault]
    content = document()
    content["annotations"][0].update(change)
    assert refusal in prepared(json.dumps(content), False).line
    tolerant = prepared(json.dumps(content), True)
    if dropped is None:
        assert refusal in tolerant.line
    else:
        assert tolerant.result["dropped"][dropped] == 1


def test_a_number_of_joints_that_is_a_lie_changes_nothing(prepared: Callable[[str | bytes, bool], End]) -> None:
    content = document()
    for person in content["annotations"]:
        person["num_keypoints"] = 17 - person["num_keypoints"]
    honest, lying = prepared(TEXT, False).result, prepared(json.dumps(content), False).result
    assert {key: honest[key] for key in ("splits", "dropped", "mean_rgb")} == {
        key: lying[key] for key in ("splits", "dropped", "mean_rgb")
    }
