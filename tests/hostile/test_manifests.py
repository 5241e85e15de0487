"""Manifests that lie about where things are: nothing outside an artefact is taken for a part of it."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts.hashing import hash_file
from shgae.artifacts.manifest import FileEntry, Manifest, Parent, read_manifest
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from tests.builders.artefacts import make
from tests.builders.manifests import MANIFEST, places
from tests.hostile.conftest import End, heard, opened, run
from tests.promises import Kept

OUTSIDE = "A manifest that points out of its folder is refused, and nothing outside is read"
COMMANDS = ("verify a", "train a -o x", "extract a a -o x", "evaluate a a", "report a -o x.html", "analyze a -o x")
DATA = dataclasses.replace(MANIFEST, kind="data", files={}, parents=())


def write(manifest: Manifest | dict[str, Any]) -> None:
    """The manifest of an artefact ``a``; its id fits."""
    Path("a").mkdir(exist_ok=True)
    Path("a/manifest.json").write_text(json.dumps(manifest.to_json() if isinstance(manifest, Manifest) else manifest))


def ended(command: str, **limits: Any) -> End:
    return run(*command.split()).check(longest=400, **limits)


@pytest.mark.parametrize(
    "name",
    [
        *("../secret", "/etc/hostname", "b/../../secret", "..", ".", "", "./x", "x//y", "x/", "/", "//etc/hostname"),
        *("x\0y", "x" * 5000, "x/" * 3000 + "y", "\ud800", "x" * 256, "../" * 50 + "etc/hostname"),
    ],
)
def test_a_name_that_leads_out_is_refused_by_every_command(here: Path, name: str, kept: Kept) -> None:
    Path("secret").write_text("secret")
    sha256 = hash_file(Path("secret"))
    for kind in ("data", "hourglass"):
        write(dataclasses.replace(DATA, kind=kind, files={name: FileEntry(sha256, 6)}))  # its id fits
        for command in COMMANDS if kind == "data" else COMMANDS[:1]:
            with heard() as events:
                end = ended(command)
            assert end.code == 2
            assert not opened(events) & {here / "secret", Path("/etc/hostname")}
    kept(OUTSIDE, len(COMMANDS) + 1, "manifests")


def named(name: str, sha256: str) -> dict[str, Any]:
    return {"files": {name: {"sha256": sha256, "bytes": 6}}}


@pytest.mark.parametrize("way", ["a file", "a file by an absolute link", "a folder", "a chain", "a hard name"])
def test_a_link_that_leads_out_of_an_artefact_is_refused_by_name(here: Path, way: str, kept: Kept) -> None:
    make(here / "a")
    name = "train/y.safetensors"
    outside = here / "outside"
    if way == "a folder":
        (here / "a" / "train").rename(outside)
        (here / "a" / "train").symlink_to("../outside")
    else:
        (here / "a" / name).rename(outside)
        (here / "middle").symlink_to(outside)
        targets = {
            "a file": Path("../../outside"),
            "a chain": Path("../../middle"),
            "a hard name": Path("../../a/../outside"),
        }
        (here / "a" / name).symlink_to(targets.get(way, outside))
    for command in ("verify a", "train a -o x"):
        with heard() as events:
            assert f"{name} is a link" in ended(command).line
        assert not [path for path in opened(events) if path.is_relative_to(outside)]
    kept(OUTSIDE, 2, "manifests")


def test_an_artefact_in_a_linked_folder_and_a_link_inside_one_are_taken(here: Path) -> None:
    made = make(here / "a")
    (here / "a" / "x.safetensors").rename(here / "a" / "real")
    (here / "a" / "x.safetensors").symlink_to("real")
    (here / "link").symlink_to("a")
    for path in ("a", "link"):
        assert open_artifact(Path(path)).id == made.id


def test_parents_in_a_circle_end(here: Path) -> None:
    circle = Parent("model", "hourglass", "2" * 64, "../b", (Parent("data", "data", "1" * 64, "../a"),))
    for name, path in (("a", "../b"), ("b", "../a")):
        write(dataclasses.replace(DATA, parents=(dataclasses.replace(circle, path=path), circle)))
        Path("a").rename(name)
    for path in (".", "a", "../a"):
        write(dataclasses.replace(DATA, parents=(Parent("data", "data", DATA.id, path),)))
        assert "is not in" in ended("verify a").line
        assert ended("info a").code == 0


def test_an_artefact_that_names_itself_as_its_parent_is_not_followed_for_ever(here: Path) -> None:
    made = make(here / "a")
    document = json.loads(Path("a/manifest.json").read_text())
    document["parents"] = [{"role": "data", "kind": "data", "id": made.id, "path": ".", "parents": []}]
    write(document)
    assert "does not fit" in ended("verify a").line  # an id that holds itself cannot be found


@pytest.mark.parametrize(
    "path",
    ["x" * 4000, "x/" * 2000, "/dev/zero", "/proc/self/root", "/proc/self/fd/0", "\udc80", "~", "$HOME", "a\nb", ""],
)
def test_a_parent_that_lies_in_an_odd_place_is_absent(here: Path, path: str) -> None:
    write(dataclasses.replace(DATA, parents=(Parent("data", "data", "1" * 64, path),)))
    assert run("info", "a").check().code == 0
    end = run("verify", "a").check(longest=6000)
    assert end.code == 2
    assert "its ancestor data 111111111111 is not in" in end.line


def test_a_manifest_says_nothing_to_the_terminal(here: Path) -> None:
    escape = "\x1b]0;owned\x07\x1b[2J\r\n"
    parent = Parent(f"data{escape}", f"data{escape}", f"{escape}{'1' * 50}", f"there{escape}")
    write(dataclasses.replace(DATA, parents=(parent,), facts={f"k{escape}": escape}, config={f"c{escape}": [escape]}))
    for command in ("info a", "verify a"):
        end = run(*command.split())
        assert not any(character < " " and character != "\n" for character in end.out + end.err), end.out


@pytest.mark.parametrize(
    "depth", [50, pytest.param(300, marks=pytest.mark.torture), pytest.param(400, marks=pytest.mark.torture)]
)
def test_a_lineage_of_many_generations_is_told_or_refused(here: Path, depth: int) -> None:
    parent = Parent("data", "data", "1" * 64, "..")
    for _ in range(depth):
        parent = Parent("data", "data", "1" * 64, ".", (parent,))
    write(dataclasses.replace(DATA, parents=(parent,)))
    assert "is not in" in ended("verify a", seconds=10).line
    ended("info a", seconds=10)


@pytest.mark.parametrize("depth", [1000, 100_000])
def test_a_lineage_without_end_is_refused(here: Path, depth: int) -> None:
    write(DATA)
    opening = '{"role": "", "kind": "", "id": "", "path": "", "parents": ['
    text = Path("a/manifest.json").read_text().replace('"parents": []', f'"parents": [{opening * depth}{"]}" * depth}]')
    Path("a/manifest.json").write_text(text)
    for command in COMMANDS:
        assert ended(command).code == 2


@pytest.mark.torture
def test_a_hundred_thousand_files_are_looked_for_and_the_first_one_is_named(here: Path) -> None:
    write(dataclasses.replace(DATA, files={f"f{i:06d}": FileEntry("a" * 64, 1) for i in range(100_000)}))
    for command in ("verify a", "train a -o x"):
        assert "f000000 is missing (and 99999 more)" in ended(command, seconds=60).line


LONG: dict[str, dict[str, Any]] = {
    "a schema": {"schema": "9" * 100_000},
    "a kind": {"kind": "k" * 100_000},
    "a file's name": named("../" + "n" * 100_000, "a" * 64),
    "a size": {"files": {"x": {"sha256": "a" * 64, "bytes": "s" * 100_000}}},
    "a hash": {"files": {"x": {"sha256": "h" * 100_000, "bytes": 1}}},
    "a parent": {"parents": ["p" * 100_000]},
}


@pytest.mark.parametrize("what", LONG)
def test_what_is_long_in_a_manifest_is_not_quoted_at_length(here: Path, what: str) -> None:
    write(DATA.to_json() | LONG[what])
    for command in ("verify a", "info a", "train a -o x"):
        assert ended(command).code == 2


JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**30,
    0.5,
    "",
    "x",
    "../x",
    "/etc/hostname",
    "\ud800",
    [],
    ["x"],
    {},
    {"x": {}},
    [[]] * 50,
)


@pytest.mark.torture
def test_a_manifest_with_any_two_values_changed_is_refused_or_tells_the_same(here: Path, kept: Kept) -> None:
    whole = MANIFEST.to_json()
    ways = [place for place in places(whole) if place]
    for seed in range(1500):
        rng = random.Random(seed)
        document = json.loads(json.dumps(whole))
        for _ in range(2):
            *way, last = rng.choice(ways)
            holder: Any = document
            try:
                for step in way:
                    holder = holder[step]
                holder[last] = rng.choice(JUNK)
            except (KeyError, IndexError, TypeError):
                continue  # the first change took the place away
        write(document)
        for command in ("verify a", "info a"):
            ended(command)
        try:
            assert read_manifest(Path("a")).id == MANIFEST.id
        except Refused:
            continue
    kept("A manifest with any values changed is refused, or tells the same of the artefact", 1500, "manifests")
