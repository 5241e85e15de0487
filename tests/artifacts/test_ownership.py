"""An artefact owns the files that its manifest, or its draft's log, names; what a user put next to them stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from shgae.artifacts.draft import new_artifact
from shgae.artifacts.manifest import MANIFEST
from shgae.artifacts.store import verify_files
from shgae.errors import Refused
from shgae.execution import Execution
from tests.builders.artefacts import FILES, FORCE, RESUME, everything, interrupted, make


@pytest.mark.parametrize("mine", ["notes.txt", "train/notes.txt", "evaluation/manifest.json", "deep/er/x"])
def test_force_keeps_what_the_user_put_inside(tmp_path: Path, mine: str) -> None:
    (path := make(tmp_path / "data", value=1).path / mine).parent.mkdir(parents=True, exist_ok=True)
    path.write_text("work")
    new = make(tmp_path / "data", value=2, execution=FORCE)
    assert mine not in new.manifest.files
    assert everything(tmp_path / "data").keys() == {*FILES, MANIFEST, mine}
    assert path.read_text() == "work"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_force_keeps_what_the_user_put_where_the_new_artefact_has_a_file(tmp_path: Path) -> None:
    with new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=Execution()) as made:
        made.write_json("other.json", {})
        made.commit({})
    (tmp_path / "data" / "x.safetensors").write_text("work")
    new = make(tmp_path / "data", execution=FORCE)
    verify_files(new)
    (aside,) = tmp_path.glob(".data.old-*")
    assert everything(aside) == {"x.safetensors": b"work"}


@pytest.mark.parametrize("force", [True, False])
def test_a_copy_of_the_users_is_no_remains_of_ours_whatever_its_name(tmp_path: Path, force: bool) -> None:
    make(tmp_path / "data", value=1).path.rename(tmp_path / ".data.old-best")
    before = everything(tmp_path / ".data.old-best")
    if force:
        make(tmp_path / "data", value=1)
    make(tmp_path / "data", value=2, execution=Execution(force=force))
    assert everything(tmp_path / ".data.old-best") == before


def test_what_the_user_put_into_a_draft_is_kept_and_no_part_of_the_artefact(tmp_path: Path) -> None:
    partial = interrupted(tmp_path / "run")
    (partial / "notes~").write_text("work")
    (partial / "out").symlink_to(tmp_path)
    artifact = make(tmp_path / "run", "hourglass", execution=RESUME, resumable=True)
    assert artifact.manifest.files.keys() == {*FILES, "half.json"}
    assert (artifact.path / "notes~").read_text() == "work"
    verify_files(artifact)


@pytest.mark.parametrize("resumable", [True, False])
def test_clearing_a_draft_spares_what_the_user_put_into_it(tmp_path: Path, resumable: bool) -> None:
    (interrupted(tmp_path / "run") / "notes~").write_text("work")
    with (
        pytest.raises(KeyboardInterrupt),
        new_artifact(
            tmp_path / "run", kind="data", config={}, parents={}, execution=FORCE, resumable=resumable
        ) as made,
    ):
        assert not (made.path / "half.json").exists()
        raise KeyboardInterrupt
    assert (tmp_path / "run.partial" / "notes~").read_text() == "work"
    make(tmp_path / "run", resumable=resumable)
    assert everything(tmp_path / "run").keys() == {*FILES, MANIFEST, "notes~"}


def test_a_piece_that_was_changed_since_is_not_gone_on_from(tmp_path: Path) -> None:
    half = interrupted(tmp_path / "run") / "half.json"
    whole = half.read_bytes()
    for content in (whole[:-1], whole + b" ", bytes([whole[0] ^ 1, *whole[1:]]), b""):
        half.write_bytes(content)
        with pytest.raises(Refused, match=r"half.json was changed .* Try: --force"):
            make(tmp_path / "run", "hourglass", execution=RESUME, resumable=True)
    half.write_bytes(whole)
    make(tmp_path / "run", "hourglass", execution=RESUME, resumable=True)


@pytest.mark.parametrize("damage", ["gone", "../../x", "[]", "{}", '{"name": "a", "sha256": 1}'])
def test_a_draft_whose_log_is_damaged_is_not_gone_on_from_and_deletes_nothing_else(tmp_path: Path, damage: str) -> None:
    (tmp_path / "x").write_text("work")
    log = interrupted(tmp_path / "run") / ".pieces.jsonl"
    log.unlink() if damage == "gone" else log.write_text(damage.replace("../../x", '{"name": "../x"}') + "\n")
    with pytest.raises(Refused, match="Try: --force"):
        make(tmp_path / "run", "hourglass", execution=RESUME, resumable=True)
    make(tmp_path / "run", "hourglass", execution=FORCE, resumable=True)
    assert (tmp_path / "x").read_text() == "work"


def test_a_file_that_was_replaced_or_was_to_be_when_a_run_was_killed_is_believed(tmp_path: Path) -> None:
    partial = interrupted(tmp_path / "run")
    for value in range(5):  # each of these runs is killed before the file that it announced is there
        with (
            pytest.raises(KeyboardInterrupt),
            new_artifact(
                tmp_path / "run", kind="hourglass", config={"seed": 0}, parents={}, execution=RESUME, resumable=True
            ) as made,
        ):
            made.pieces.expect("half.json", str(value).encode())
            raise KeyboardInterrupt
    (partial / ".pieces.jsonl").open("a").write('{"name": "torn')
    make(tmp_path / "run", "hourglass", execution=RESUME, resumable=True)
