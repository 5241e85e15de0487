from __future__ import annotations

import json
import tomllib

import pytest
from packaging.requirements import Requirement

from shgae.cli.app import main
from shgae.errors import DiskError
from shgae.stages import doctor
from tests.builders.pages import ROOT


def test_a_healthy_machine_is_usable_and_says_what_it_has(capsys) -> None:
    assert main(["doctor", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["usable"]
    assert result["machine"]["versions"].keys() >= {"python", "torch", "shgae"}
    assert result["machine"]["devices"][0]["device"] == "cpu"
    assert isinstance(result["machine"]["devices"][0]["native_bf16"], bool)
    assert result["machine"]["auto"].keys() == {"device", "precision", "why"}
    assert result["machine"]["auto"]["device"] == "cpu"
    assert all(text.startswith("ok, ") for text in result["checks"].values())
    assert "a training step on cpu" in result["checks"]


def test_a_check_that_fails_is_told_and_ends_with_2(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def fail(*_: object) -> None:
        raise DiskError("disk", "/tmp", "it is full")

    monkeypatch.setattr(doctor, "save_tensors", fail)
    assert main(["doctor"]) == 2
    out, err = capsys.readouterr()
    assert "failed: disk in /tmp: it is full." in out
    assert err.startswith("error: machine in a tensor file: ")


def test_people_read_units_and_a_line_a_device(capsys) -> None:
    assert main(["doctor", "--json"]) == 0
    machine = json.loads(capsys.readouterr().out)["machine"]
    assert main(["doctor"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert f"memory {machine['memory_gb']:g} GB" in lines
    (processor,) = [line for line in lines if line.startswith("processor ")]
    assert processor.endswith("thread" if machine["threads"] == 1 else "threads")
    assert any(line.startswith(f"cpu {machine['devices'][0]['name'][:20].strip()}") for line in lines)


def test_every_extra_package_of_the_project_is_looked_for() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = {Requirement(text).name for extra, texts in extras.items() if extra != "dev" for text in texts}
    assert set(doctor._EXTRAS) == wanted
