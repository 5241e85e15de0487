"""What export and report write is one file: of a known ending, in the place of another on request, whole or not at all.

The rules are those of artifacts/test_output_file.py and test_durable.py; here is that both commands keep them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shgae.cli.app import main
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import ReportConfig
from shgae.stages import export, report
from tests.builders.chain import Chain
from tests.builders.exported import Exported

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
HOW, FORCE = Execution(), Execution(force=True)
FILES = {"export": "model.onnx", "report": "page.html"}
Write = Callable[[str, Execution], Any]
every_command = pytest.mark.parametrize("command", FILES)


@pytest.fixture
def write(command: str, chain: Chain, quick: Exported, tmp_path: Path) -> Write:
    """Writes the command's file under a name in ``tmp_path``."""
    if command == "export":
        return lambda name, how: export.run(quick.model, tmp_path / name, how)
    return lambda name, how: report.run([chain.data], tmp_path / name, ReportConfig(people=2), how)


@every_command
def test_a_file_that_exists_is_replaced_on_request_only(write: Write, tmp_path: Path, command: str) -> None:
    path = tmp_path / FILES[command]
    path.write_text("mine")
    with pytest.raises(Refused, match=path.name):
        write(path.name, HOW)
    assert path.read_text() == "mine"
    write(path.name, FORCE)
    assert path.stat().st_size > 1000
    assert list(tmp_path.iterdir()) == [path]


@every_command
def test_outputs_that_cannot_be_are_refused(write: Write, tmp_path: Path, command: str) -> None:
    (tmp_path / "taken").write_text("mine")
    (tmp_path / FILES[command]).symlink_to("nowhere")
    for name, told in {"page": "page", FILES[command]: FILES[command], f"taken/{FILES[command]}": "taken"}.items():
        with pytest.raises(Refused) as caught:
            write(name, FORCE)
        assert caught.value.where == str(tmp_path / told)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_page_is_not_put_into_an_artefact(chain: Chain) -> None:
    with pytest.raises(Refused, match="page.html"):
        report.run([chain.data], chain.data / "page.html", ReportConfig(), FORCE)
    assert not (chain.data / "page.html").exists()


@every_command
def test_a_full_disk_spares_the_old_file(
    chain: Chain, quick: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, command: str
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / FILES[command]
    path.write_text("mine")
    monkeypatch.setattr(os, "fsync", full)
    given = quick.model if command == "export" else chain.data
    assert main([command, str(given), "-o", str(path), "--force", "--quiet"]) == 5
    assert os.strerror(errno.ENOSPC) in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]
