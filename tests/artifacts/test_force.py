"""What stands at a target, or where its draft would be: spared, unless it is an artefact and --force is given."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from shgae.artifacts.draft import new_artifact
from shgae.artifacts.manifest import MANIFEST
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from tests.builders.artefacts import FILES, FORCE, RESUME, everything, make


def test_a_target_that_exists_is_refused_and_unharmed(tmp_path: Path) -> None:
    make(tmp_path / "data", value=1)
    before = everything(tmp_path)
    with pytest.raises(Refused, match="it exists already. Try: another --output, or --force"):
        make(tmp_path / "data", value=2)
    assert everything(tmp_path) == before


def test_force_replaces_an_artefact_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    make(tmp_path / "data", value=1)
    new = make(tmp_path / "data", value=2, execution=FORCE)
    assert open_artifact(tmp_path / "data").id == new.id
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert everything(tmp_path / "data").keys() == {*FILES, MANIFEST}


def test_force_takes_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert make(tmp_path / "data", execution=FORCE).path == tmp_path / "data"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"manifest_version": 3, "name": "a browser extension"}'])
def test_force_spares_a_folder_that_is_no_artefact_even_with_a_manifest_of_its_own(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    if content:
        (tmp_path / "mine" / MANIFEST).write_text(content)
    before = everything(tmp_path)
    with pytest.raises(Refused, match="not an artefact, so --force"):
        make(tmp_path / "mine", execution=FORCE)
    assert everything(tmp_path) == before


def test_force_spares_a_file_and_a_symlink(tmp_path: Path) -> None:
    real = make(tmp_path / "real", value=1)
    (tmp_path / "link").symlink_to(real.path)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("mine")
    before = everything(tmp_path)
    for name, why in (
        ("link", f"a link, which is never replaced. Try: --output {re.escape(str(real.path.resolve()))}"),
        ("dangling", "a link, which is never replaced. Try: another --output"),
        ("file", "--force spares it"),
    ):
        with pytest.raises(Refused, match=why):
            make(tmp_path / name, value=2, execution=FORCE)
    assert everything(tmp_path) == before
    assert (tmp_path / "link").is_symlink()


def test_force_replaces_an_artefact_that_is_damaged_or_of_another_schema(tmp_path: Path) -> None:
    path = make(tmp_path / "data").path
    for edit in ({"schema": 9}, {"id": "0" * 64}):
        manifest = json.loads((path / MANIFEST).read_text())
        (path / MANIFEST).write_text(json.dumps(manifest | edit))
        make(path, execution=FORCE)
        open_artifact(path)


def test_an_output_that_holds_an_input_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make(tmp_path / "data")
    inner = make(tmp_path / "data" / "inner", value=1)
    before = everything(tmp_path)
    monkeypatch.chdir(tmp_path)
    for parent in (data, inner):
        with pytest.raises(Refused, match="input"):
            make(Path("data"), "hourglass", parents={"data": parent}, execution=FORCE)
    assert everything(tmp_path) == before


def test_a_target_that_somebody_makes_meanwhile_is_spared(tmp_path: Path) -> None:
    with (
        pytest.raises(Refused, match="it exists already"),
        new_artifact(
            tmp_path / "data", kind="data", config={}, parents={}, execution=Execution(), resumable=True
        ) as made,
    ):
        made.write_json("x.json", {"hours": "of work"})
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "mine").touch()
        made.commit({})
    assert everything(tmp_path / "data") == {"mine": b""}
    assert (tmp_path / "data.partial" / "x.json").is_file()


@pytest.mark.parametrize("execution", [Execution(), FORCE, RESUME], ids=["plain", "force", "resume"])
def test_a_users_own_folder_called_partial_is_spared(tmp_path: Path, execution: Execution) -> None:
    (tmp_path / "data.partial").mkdir()
    (tmp_path / "data.partial" / "mine").write_text("work")
    for resumable in (True, False):
        with pytest.raises(Refused, match="data.partial stands"):
            make(tmp_path / "data", execution=execution, resumable=resumable)
    assert everything(tmp_path) == {"data.partial/mine": b"work"}


def test_a_symlink_or_a_file_called_partial_is_spared(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "one.partial").symlink_to(tmp_path / "mine")
    (tmp_path / "two.partial").write_text("mine")
    for name in ("one", "two"):
        with pytest.raises(Refused, match="in the way"):
            make(tmp_path / name, execution=FORCE)
    assert everything(tmp_path) == {"two.partial": b"mine"}
    assert (tmp_path / "one.partial").is_symlink()


def test_a_target_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="a file stands"):
        make(tmp_path / "file" / "data")
