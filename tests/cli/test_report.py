"""``shgae report`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shgae.cli.app import main


def report(*words: object) -> int:
    return main(["report", *map(str, words)])


def test_it_says_what_it_wrote(tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert report(tiny_data, "-o", page, "--title", "Ours", "--quiet") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"file {page}" in text
    assert "artefacts 1" in text
    assert "<title>Ours</title>" in page.read_text()


def test_json_is_one_object_that_describes_the_file(tiny_data: Path, tmp_path: Path, capsys) -> None:
    page = tmp_path / "page.html"
    assert report(tiny_data, "-o", page, "--json") == 0
    value = json.loads(capsys.readouterr().out)
    assert value["bytes"] == page.stat().st_size
    assert (value["output"], len(value["artefacts"]), value["pictures"]) == (str(page), 1, 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("DATA",), "Missing option"),
        (("-o", "page.html"), "Missing argument"),
        (("DATA", "-o", "page.pdf"), "its name does not end in .html or .htm"),
        (("none", "-o", "page.html"), "no such folder"),
        (("DATA", "-o", "page.html", "--people", "25"), "--people: 25 is not 0 to 24"),
    ],
)
def test_every_refusal_is_one_line(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert report(*(tiny_data if word == "DATA" else word for word in words)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert said in err
    assert list(tmp_path.iterdir()) == []
