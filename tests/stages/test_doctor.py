from __future__ import annotations

import json

import pytest

from shgae.cli.app import main
from shgae.errors import DiskError
from shgae.stages import doctor


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
    assert err.startswith("error: machine in a tensor file: failed")
