from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path

import pytest

from shgae.artifacts import hashing
from shgae.artifacts.hashing import hash_open
from shgae.artifacts.lineage import ancestors, found, ids_of, parent_of, verify
from shgae.artifacts.manifest import MANIFEST
from shgae.artifacts.store import Artifact, open_artifact, verify_files
from shgae.errors import Refused
from tests.builders.artefacts import everything, make

TREE = [
    (0, "", "hourglass", "graft"),
    (1, "model", "hourglass", "base"),
    (2, "data", "data", "data"),
    (1, "autoencoder", "autoencoder", "ae"),
    (2, "activations", "activations", "activations"),
    (3, "model", "hourglass", "base"),
    (4, "data", "data", "data"),
    (3, "data", "data", "data"),
]
"""The family of a graft, depth first: depth, role, kind, name."""


@dataclass(frozen=True)
class Family:
    root: Path
    members: dict[str, Artifact]

    @property
    def graft(self) -> Artifact:
        return open_artifact(self.root / "runs" / "graft", verify=False)

    def path(self, name: str) -> Path:
        return self.members[name].path


def grow(root: Path) -> Family:
    data = make(root / "data", "data", 1)
    base = make(root / "runs" / "base", "hourglass", 2, parents={"data": data})
    activations = make(root / "activations", "activations", 3, parents={"model": base, "data": data})
    ae = make(root / "runs" / "ae", "autoencoder", 4, parents={"activations": activations})
    graft = make(root / "runs" / "graft", "hourglass", 5, parents={"model": base, "autoencoder": ae})
    return Family(root, {"data": data, "base": base, "activations": activations, "ae": ae, "graft": graft})


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Family:
    return grow(tmp_path_factory.mktemp("grown") / "family")


@pytest.fixture
def family(grown: Family, tmp_path: Path) -> Family:
    """A copy of its own for a test that damages it; what made it is out of reach."""
    shutil.copytree(grown.root, tmp_path / "family")
    members = {
        name: Artifact(tmp_path / "family" / one.path.relative_to(grown.root), one.manifest)
        for name, one in grown.members.items()
    }
    return Family(tmp_path / "family", members)


def tree_of(family: Family) -> list[tuple[int, str, str, str]]:
    names = {one.id: name for name, one in family.members.items()}
    return [(one.depth, one.role, one.kind, names[one.id]) for one in ancestors(family.graft)]


def test_the_tree_holds_everything_an_artefact_was_made_from(family: Family) -> None:
    assert tree_of(family) == TREE
    assert all(one.present for one in ancestors(family.graft))
    assert {one.path for one in ancestors(family.graft)} == {one.path for one in family.members.values()}


def test_the_tree_is_drawn_when_every_ancestor_is_gone(family: Family) -> None:
    for name in ("data", "base", "activations", "ae"):
        shutil.rmtree(family.path(name))
    assert tree_of(family) == TREE
    assert [one.present for one in ancestors(family.graft)] == [True] + [False] * 7


def test_every_member_of_a_whole_family_is_verified_once(family: Family) -> None:
    verification = verify(family.graft)
    assert sorted(verification.verified) == sorted(one.path for one in family.members.values())
    assert verification.missing == ()


@pytest.mark.parametrize("is_known", [True, False])
def test_every_file_is_read_once_whether_this_process_knows_it_or_not(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    read: list[Path] = []

    def watched(file: BufferedReader) -> str:
        read.append(Path(file.name))
        return hash_open(file)

    other = make(tmp_path / "other")
    (tmp_path / "link").symlink_to(family.path("base"))
    monkeypatch.setattr(hashing, "_RESTED", -(10**18))
    monkeypatch.setattr(hashing, "hash_open", watched)
    monkeypatch.setattr(hashing, "_known", {})
    for one in (*family.members.values(), other):
        verify_files(one)
    if not is_known:
        hashing._known.clear()
    read.clear()
    verify(family.graft, others=[other.path, tmp_path / "link"])
    files = [one.path / name for one in (*family.members.values(), other) for name in one.manifest.files]
    assert sorted(read) == sorted(files)


def test_an_artefact_without_parents_is_verified_alone(family: Family) -> None:
    assert verify(family.members["data"]).verified == (family.path("data"),)


@pytest.mark.parametrize("name", ["graft", "base", "ae", "activations", "data"])
def test_one_flipped_byte_anywhere_in_the_family_is_found_and_named(family: Family, name: str) -> None:
    folder = family.path(name)
    for file, content in everything(folder).items():
        if file == MANIFEST:
            continue
        (folder / file).write_bytes(bytes([content[0] ^ 1]) + content[1:])
        with pytest.raises(Refused, match=f"in {folder}: {file} was changed"):
            verify(family.graft)
        (folder / file).write_bytes(content)
    verify(family.graft)


@pytest.mark.parametrize("name", ["base", "ae", "activations", "data"])
def test_an_edited_or_torn_manifest_in_the_family_is_a_fault_and_no_absence(family: Family, name: str) -> None:
    path = family.path(name) / MANIFEST
    whole = path.read_bytes()
    for damaged in (whole.replace(b'"seed"', b'"sead"'), whole[:-10], b"{}"):
        path.write_bytes(damaged)
        with pytest.raises(Refused, match=f"(manifest|JSON) in {path}"):
            verify(family.graft)


def test_a_missing_file_in_an_ancestor_is_found_and_named(family: Family) -> None:
    (family.path("data") / "train" / "y.safetensors").unlink()
    with pytest.raises(Refused, match=f"in {family.path('data')}: train/y.safetensors is missing"):
        verify(family.graft)


@pytest.mark.parametrize("name", ["base", "ae", "activations", "data"])
def test_an_ancestor_that_is_gone_is_reported_and_the_rest_verified(family: Family, name: str) -> None:
    shutil.rmtree(family.path(name))
    verification = verify(family.graft)
    assert [(one.id, one.path) for one in verification.missing] == [(family.members[name].id, family.path(name))]
    assert len(verification.verified) == 4


def test_another_artefact_in_an_ancestors_place_is_reported_as_its_absence(family: Family) -> None:
    for other in (6, 7):
        shutil.rmtree(family.path("data"))
        make(family.path("data"), "data", other)
        verification = verify(family.graft)
        assert [one.id for one in verification.missing] == [family.members["data"].id]
        assert family.path("data") not in verification.verified


def test_another_artefact_in_an_ancestors_place_is_not_hashed(family: Family) -> None:
    shutil.rmtree(family.path("data"))
    other = make(family.path("data"), "data", 6)
    other.file("x.safetensors").write_bytes(b"damaged")
    assert [one.id for one in verify(family.graft).missing] == [family.members["data"].id]


def test_others_are_verified_too_each_once_and_one_that_was_missing_is_found_there(
    family: Family, tmp_path: Path
) -> None:
    moved = family.path("data").rename(tmp_path / "moved")
    (tmp_path / "link").symlink_to(family.path("base"))
    verification = verify(family.graft, others=[moved, tmp_path / "link"])
    members = [family.path(name) for name in ("graft", "base", "ae", "activations")]
    assert sorted(verification.verified) == sorted([*members, moved])
    assert verification.missing == ()
    (moved / "x.safetensors").unlink()
    with pytest.raises(Refused, match=f"in {moved}: x.safetensors is missing"):
        verify(family.graft, others=[moved])


def test_an_ancestor_whose_place_another_ancestor_took_is_reported(tmp_path: Path) -> None:
    old = make(tmp_path / "data", "data", 1)
    base = make(tmp_path / "base", "hourglass", 2, parents={"data": old})
    shutil.rmtree(tmp_path / "data")
    new = make(tmp_path / "data", "data", 2)
    for parents in ({"model": base, "data": new}, {"data": new, "model": base}):
        child = make(tmp_path / "-".join(parents), "activations", 3, parents=parents)
        assert [one.id for one in verify(child).missing] == [old.id]


def test_an_ancestor_that_lies_elsewhere_too_is_not_missing(tmp_path: Path) -> None:
    data = make(tmp_path / "data", "data", 1)
    base = make(tmp_path / "base", "hourglass", 2, parents={"data": data})
    (tmp_path / "moved").mkdir()
    moved = Artifact(base.path.rename(tmp_path / "moved" / "base"), base.manifest)
    child = make(tmp_path / "child", "activations", 3, parents={"model": moved, "data": data})
    assert any(not one.present for one in ancestors(child))
    assert verify(child).missing == ()


def test_a_family_that_moves_together_stays_whole(family: Family, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    moved = family.root.rename(tmp_path / "disk" / "renamed")
    child = open_artifact(moved / "runs" / "graft")
    assert all(one.present for one in ancestors(child))
    verification = verify(child)
    assert len(verification.verified) == 5
    assert all(path.is_relative_to(moved) for path in verification.verified)


def test_a_relative_path_and_a_symlink_lead_to_the_same_family(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(family.root / "runs")
    (tmp_path / "link").symlink_to(family.root / "runs" / "graft")
    for path in (Path("graft"), Path("../runs/graft"), tmp_path / "link"):
        assert len(verify(open_artifact(path)).verified) == 5


def test_parents_that_lead_in_a_circle_of_symlinks_are_absent(family: Family) -> None:
    shutil.rmtree(family.path("data"))
    family.path("data").symlink_to("data")
    assert [one.id for one in verify(family.graft).missing] == [family.members["data"].id]


def test_a_parents_path_is_a_hint_and_may_be_edited(family: Family) -> None:
    path = family.path("base") / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["parents"][0]["path"] = str(family.root / "nowhere")
    path.write_text(json.dumps(manifest))
    assert [one.id for one in verify(open_artifact(family.path("base"))).missing] == [family.members["data"].id]


def test_a_parent_is_found_where_its_child_saw_it_if_it_still_is_the_same(tmp_path: Path) -> None:
    parent = make(tmp_path / "parent")
    child = make(tmp_path / "child", parents={"model": parent})
    (said,) = child.manifest.parents
    for there in (found(said, child.path), parent_of(child, "model")):
        assert there is not None and there.id == parent.id
    assert parent_of(child, "data") is None
    assert found(replace(said, id="0" * 64), child.path) is None
    shutil.rmtree(parent.path)
    assert found(said, child.path) is parent_of(child, "model") is None


def test_the_ids_of_a_family_are_those_of_its_tree(family: Family) -> None:
    assert list(ids_of(family.graft.manifest.parents)) == [one.id for one in ancestors(family.graft)][1:]
