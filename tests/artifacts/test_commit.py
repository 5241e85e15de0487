"""A draft becomes an artefact in one moment, with an id of its content and its parents recorded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from shgae.artifacts.draft import new_artifact
from shgae.artifacts.manifest import MANIFEST
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from tests.builders.artefacts import FILES, everything, make, recorded


def test_nothing_appears_at_the_target_before_the_commit(tmp_path: Path) -> None:
    target = tmp_path / "data"
    with new_artifact(target, kind="data", config={}, parents={}, execution=Execution()) as made:
        made.write_json("x.json", {})
        assert not target.exists()
        assert made.path == tmp_path / "data.partial"
        made.commit({})
        assert target.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_without_a_commit_nothing_is_left(tmp_path: Path) -> None:
    with new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=Execution()) as made:
        made.write_json("x.json", {})
    assert list(tmp_path.iterdir()) == []


def test_what_a_commit_returns_is_what_is_opened(tmp_path: Path) -> None:
    with new_artifact(
        tmp_path / "deep" / "data", kind="data", config={"t": (1, 2)}, parents={}, execution=Execution()
    ) as made:
        made.write_json("a/b/x.json", {})
        committed = made.commit({"by_number": {10: "a", 9: "b"}, "shape": (256, 4, 4), "mean": 0.1 + 0.2})
    assert open_artifact(tmp_path / "deep" / "data", "data") == committed
    assert committed.facts == {"by_number": {"10": "a", "9": "b"}, "shape": [256, 4, 4], "mean": 0.1 + 0.2}
    assert committed.short_id == committed.id[:12]


def test_an_artefact_holds_its_files_and_nothing_hidden(tmp_path: Path) -> None:
    artifact = make(tmp_path / "data")
    assert everything(artifact.path).keys() == {*FILES, MANIFEST}
    assert tuple(artifact.manifest.files) == FILES
    assert artifact.file("train/y.safetensors") == tmp_path / "data" / "train" / "y.safetensors"
    assert [name for name, entry in artifact.manifest.files.items() if entry.volatile] == ["history.jsonl"]


def test_the_same_content_has_the_same_id_anywhere_and_at_any_time(tmp_path: Path) -> None:
    one, other = make(tmp_path / "one", value=1), make(tmp_path / "deep" / "other", value=1)
    assert one.id == other.id
    assert one.id != make(tmp_path / "third", value=2).id


def test_the_manifest_tells_when_where_and_with_what_it_was_made(tmp_path: Path) -> None:
    how = {"execution": Execution(), "device": "cuda:1"}
    with new_artifact(tmp_path / "data", kind="data", config={}, parents={}, **how) as made:  # type: ignore[arg-type]
        provenance = made.commit({}).manifest.provenance
    own = {"versions", "device", "deterministic", "processors", "processes", "command", "created"}
    assert provenance.keys() == own
    assert provenance["device"] == "cuda:1"
    assert provenance["versions"]["numpy"] == np.__version__
    assert "/" not in provenance["command"][0]


def test_the_files_are_synced_then_the_manifest_written_then_the_folder_renamed(tmp_path: Path) -> None:
    with new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=Execution()) as made:
        for name in ("x.bin", "a/b/y.bin"):
            made.file(name).write_bytes(b"123")
        with recorded() as disk:
            made.commit({})
    temporary = f".{MANIFEST}.{os.getpid()}.tmp"
    size = (tmp_path / "data" / MANIFEST).stat().st_size
    assert disk.calls == [
        *(("fsync", "y.bin", 3), ("fsync", "x.bin", 3)),
        *(("fsync", "data.partial", None), ("fsync", "a", None), ("fsync", "b", None)),
        *(("fsync", temporary, size), ("replace", temporary, MANIFEST), ("fsync", "data.partial", None)),
        *(("rename", "data.partial", "data"), ("fsync", tmp_path.name, None)),
        *(("unlink", name) for name in (".origin.json", ".pieces.jsonl", ".lock", ".intent.json")),
    ]


@pytest.mark.parametrize("name", [".", "..", "/", "a/.."])
def test_a_target_without_a_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refused, match="no name"):
        make(Path(name))


def test_parents_are_recorded_with_their_own_parents(tmp_path: Path) -> None:
    data = make(tmp_path / "data")
    base = make(tmp_path / "runs" / "base", "hourglass", 1, parents={"data": data})
    activations = make(tmp_path / "activations", "activations", 2, parents={"model": base, "data": data})
    model, prepared = open_artifact(activations.path).manifest.parents
    assert (model.role, model.kind, model.id, model.path) == ("model", "hourglass", base.id, "../runs/base")
    assert (prepared.role, prepared.kind, prepared.id, prepared.path) == ("data", "data", data.id, "../data")
    assert [(one.role, one.id, one.path) for one in model.parents] == [("data", data.id, "../../data")]
    assert activations.parent("model") == model
    assert activations.parent("autoencoder") is None


def test_another_parent_gives_another_id(tmp_path: Path) -> None:
    ids = set()
    for value in (1, 2):
        data = make(tmp_path / f"data{value}", value=value)
        ids.add(make(tmp_path / f"base{value}", "hourglass", 5, parents={"data": data}).id)
    assert len(ids) == 2
