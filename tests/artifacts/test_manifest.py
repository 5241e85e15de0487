from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from shgae import __version__
from shgae.artifacts.manifest import (
    KINDS,
    FileEntry,
    Manifest,
    differences,
    has_manifest,
    in_words,
    package_versions,
    read_manifest,
)
from shgae.artifacts.tables import write_json
from shgae.errors import Refused
from tests.builders.artefacts import put
from tests.builders.manifests import GRANDPARENT, MANIFEST, PARENT, places


def changed(**values: Any) -> Manifest:
    return dataclasses.replace(MANIFEST, **values)


def with_file(name: str, **values: Any) -> Manifest:
    entry = dataclasses.replace(MANIFEST.files[name], **values)
    return changed(files={**MANIFEST.files, name: entry})


def with_parent(**values: Any) -> Manifest:
    return changed(parents=(dataclasses.replace(PARENT, **values),))


def written(folder: Path, value: Any) -> Path:
    put(folder / "manifest.json", value if isinstance(value, bytes) else json.dumps(value).encode())
    return folder


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_json(tmp_path / "manifest.json", MANIFEST.to_json())
    read = read_manifest(tmp_path)
    assert read == MANIFEST
    assert read.id == MANIFEST.id


@pytest.mark.parametrize(
    "other",
    [
        changed(provenance={"created": "2030-01-01T00:00:00+00:00"}),
        with_file("history.jsonl", sha256="d" * 64, size=31),
        with_parent(path="/elsewhere/base"),
        with_parent(parents=(dataclasses.replace(GRANDPARENT, path="/elsewhere/data"),)),
        changed(config=dict(reversed(list(MANIFEST.config.items())))),
        changed(files=dict(reversed(list(MANIFEST.files.items())))),
    ],
    ids=["provenance", "volatile content", "parent's path", "grandparent's path", "order of keys", "order of files"],
)
def test_the_id_does_not_depend_on_when_and_where(other: Manifest) -> None:
    assert other != MANIFEST or list(other.files) != list(MANIFEST.files) or list(other.config) != list(MANIFEST.config)
    assert other.id == MANIFEST.id


@pytest.mark.parametrize(
    "other",
    [
        changed(kind="data"),
        changed(config={**MANIFEST.config, "limit": 3}),
        changed(config={"dtype": "fp32", "limit": None}),
        changed(facts={**MANIFEST.facts, "mean": [0.3, -1e-9]}),
        with_file("y.json", sha256="d" * 64),
        with_file("y.json", volatile=True),
        changed(files={name: MANIFEST.files[name] for name in ("y.json", "history.jsonl")}),
        changed(files={f"z/{name}": entry for name, entry in MANIFEST.files.items()}),
        with_parent(id="3" * 64),
        with_parent(role="data"),
        changed(parents=()),
        changed(parents=(PARENT, PARENT)),
    ],
    ids=[
        *("kind", "config", "config without a key", "last digit of a fact", "content of a file", "volatile or not"),
        *("one file less", "names of files", "parent", "role of a parent", "no parent", "a parent twice"),
    ],
)
def test_the_id_depends_on_everything_else(other: Manifest) -> None:
    assert other.id != MANIFEST.id


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/../../x", "a/..", "..", ".", "", "./x", "a//x", "a/", "a/./x", "a\0b", "//x"],
)
def test_file_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    hostile = changed(files={name: FileEntry("a" * 64, 1)})
    with pytest.raises(Refused, match="leaves the artefact"):
        read_manifest(written(tmp_path, hostile.to_json()))


LONGEST = "/".join(["x" * 255] * 15 + ["y" * 200, "z" * 55])


def test_names_and_paths_are_as_long_as_a_disk_takes_and_no_longer(tmp_path: Path) -> None:
    assert len(LONGEST) == 4096
    for name in ("x" * 255, "ü" * 127, LONGEST):
        whole = changed(files={name: FileEntry("a" * 64, 1)})
        assert read_manifest(written(tmp_path, whole.to_json())) == whole
    for name in ("x" * 256, "ü" * 128, LONGEST + "z"):
        with pytest.raises(Refused, match="longer than"):
            read_manifest(written(tmp_path, changed(files={name: FileEntry("a" * 64, 1)}).to_json()))
    assert read_manifest(written(tmp_path, with_parent(path="p" * 4096).to_json())).parents[0].path == "p" * 4096
    with pytest.raises(Refused, match="path of a parent"):
        read_manifest(written(tmp_path, with_parent(path="p" * 4097).to_json()))


@pytest.mark.parametrize("sha256", ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "a" * 63 + "\n", "a" * 64 + "\n"])
def test_a_hash_that_is_none_is_refused_though_the_id_fits(tmp_path: Path, sha256: str) -> None:
    with pytest.raises(Refused, match="SHA-256"):
        read_manifest(written(tmp_path, changed(files={"x": FileEntry(sha256, 1)}).to_json()))


def test_a_manifest_of_another_schema_is_refused_and_says_which(tmp_path: Path) -> None:
    for schema in (2, 0, None, "1", [1]):
        with pytest.raises(Refused, match="schema .*, this shgae reads 1"):
            read_manifest(written(tmp_path, MANIFEST.to_json() | {"schema": schema}))


def test_a_kind_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="kind model is none"):
        read_manifest(written(tmp_path, changed(kind="model").to_json()))


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b", "\ud800"])
def test_a_parent_that_lies_nowhere_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(Refused, match="torn"):
        read_manifest(written(tmp_path, with_parent(path=path).to_json()))


@pytest.mark.parametrize(
    "provenance", [{"command": "shgae train"}, {"command": ["shgae", 3]}, {"command": None}, {"versions": []}, [], None]
)
def test_a_provenance_that_cannot_be_told_is_refused(tmp_path: Path, provenance: Any) -> None:
    with pytest.raises(Refused, match="torn"):
        read_manifest(written(tmp_path, MANIFEST.to_json() | {"provenance": provenance}))
    assert read_manifest(written(tmp_path, changed(provenance={}).to_json())).provenance == {}


def edited(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    if not at:
        return new
    value = copy.deepcopy(value)
    holder = value
    for key in at[:-1]:
        holder = holder[key]
    holder[at[-1]] = new
    return value


def believed(folder: Path) -> None:
    """A changed manifest is refused, or all that it says of the artefact itself is unchanged."""
    try:
        read = read_manifest(folder)
    except Refused as refusal:
        assert "\n" not in refusal.line()
        return
    assert read.id == MANIFEST.id
    assert (read.kind, read.config, read.facts) == (MANIFEST.kind, MANIFEST.config, MANIFEST.facts)
    assert {n: (e.sha256, e.volatile) for n, e in read.files.items() if not e.volatile} == {
        n: (e.sha256, e.volatile) for n, e in MANIFEST.files.items() if not e.volatile
    }
    assert [(parent.role, parent.id) for parent in read.parents] == [("model", "2" * 64)]


EDITS: list[Any] = [
    None,
    True,
    -1,
    10**30,
    0.5,
    float("inf"),
    float("nan"),
    "",
    "x",
    "\ud800",
    [],
    ["x"],
    {},
    {"x": {}},
]


@pytest.mark.parametrize("new", EDITS, ids=repr)
def test_a_manifest_with_any_value_edited_is_refused_or_tells_the_same(tmp_path: Path, new: Any) -> None:
    for at in places(MANIFEST.to_json()):
        believed(written(tmp_path, edited(MANIFEST.to_json(), at, new)))


def test_a_manifest_with_any_byte_flipped_or_cut_is_refused_or_tells_the_same(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_json(path, MANIFEST.to_json())
    whole = path.read_bytes()
    for place in range(len(whole)):
        put(path, whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        believed(tmp_path)
        put(path, whole[:place])
        if place < len(whole) - 1:  # the last byte is a line break
            with pytest.raises(Refused):
                read_manifest(tmp_path)


@pytest.mark.parametrize(
    "at",
    [("kind",), ("config", "dtype"), ("facts", "splits", "train"), ("files", "y.json", "sha256"), ("parents", 0, "id")],
    ids=str,
)
def test_an_edited_manifest_is_refused_as_changed(tmp_path: Path, at: tuple[Any, ...]) -> None:
    new = {"kind": "data", "sha256": "d" * 64, "id": "4" * 64}.get(at[-1], "fp16")
    with pytest.raises(Refused, match="changed since"):
        read_manifest(written(tmp_path, edited(MANIFEST.to_json(), at, new)))


def test_a_manifest_nested_without_end_is_refused(tmp_path: Path) -> None:
    nested: dict[str, Any] = PARENT.to_json()
    for _ in range(300):
        nested = PARENT.to_json() | {"parents": [nested]}
    for value in (MANIFEST.to_json() | {"parents": [nested]}, b'{"schema": 1, "kind": ' + b"[" * 100_000):
        try:
            read_manifest(written(tmp_path, value))
        except Refused:
            continue
        assert isinstance(value, dict)  # deep, but not too deep to be read


def test_other_programs_manifests_are_not_taken_for_ours(tmp_path: Path) -> None:
    assert not has_manifest(tmp_path)
    value: Any
    for value in (
        {"manifest_version": 3, "name": "browser extension"},
        {"kind": ["data"], "schema": 1},
        {"kind": "data"},
        [],
        b"{",
    ):
        assert not has_manifest(written(tmp_path, value))
    for value in (MANIFEST.to_json(), MANIFEST.to_json() | {"schema": 9, "id": "0" * 64}):
        assert has_manifest(written(tmp_path, value))


def test_the_versions_that_matter_are_reported() -> None:
    assert {"python", "numpy", "torch", "safetensors"} <= package_versions().keys()
    assert package_versions()["shgae"] == __version__
    assert {"data", "hourglass", "activations", "autoencoder", "evaluation", "predictions"} <= {*KINDS}


def test_a_package_that_is_not_there_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shgae.artifacts.manifest._REPORTED", ("numpy", "no-such-package"))
    assert package_versions()["no-such-package"] == "not installed"


def test_a_kind_is_spoken_of_as_people_do() -> None:
    assert [in_words(kind) for kind in KINDS] == [
        *("prepared data", "an hourglass", "activations", "an autoencoder", "an evaluation", "predictions", "a study"),
        *("a splice", "a rate", "an analysis", "figures"),
    ]


def test_what_differs_between_two_configs_is_named_in_order() -> None:
    assert differences({"b": 1, "a": 2, "c": 3}, {"b": 1, "a": 4, "d": None}) == [
        "a: 2 here, 4 there",
        "c: 3 here, None there",
    ]
    assert differences({"a": [1]}, {"a": [1]}) == []
