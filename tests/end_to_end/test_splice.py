"""Splices and rate curves by command line: what is said, written and refused."""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.conftest import Shell

PLAIN = ("made/baseline", "made/data")
RATED = ("made/baseline", "made/activations", "made/data", "--components", "0,6")


def test_a_splice_speaks_json_and_keeps_it(shell: Shell) -> None:
    shown = shell.json("splice", *PLAIN, "--ae", "made/autoencoder", "--activations", "made/activations", "-o", "out")
    assert (shown["split"], shown["kind"], shown["output"]) == ("test", "splice", "out")
    written = json.loads((shell.here / "out" / "report.json").read_text())
    assert written == {key: value for key, value in shown.items() if key not in ("says", "output", "kind", "id")}
    assert shell.json("verify", "out")["missing"] == []
    assert shell.json("info", "out")["facts"]["says"] == " ".join(shown["says"])


def test_people_read_tables_checks_and_a_sentence(shell: Shell) -> None:
    out = " ".join(shell.run("splice", "made/finetuned", "made/data", "--split", "val", "--quiet").split())
    for part in (
        "val: ",
        "old-ae",
        "pca-6",
        "random-ae",
        "ae minus it",
        "Checks (float32)",
        "passed",
        "the tuned trunk without",
    ):
        assert part in out
    assert "failed" not in out
    out = shell.run("rate", *RATED, "--ae", "made/autoencoder", "-o", "rate")
    assert "autoencoder 6" in out and "untouched" in out
    assert out.splitlines()[-1] == "next: shgae plot rate -o rate-figures"
    assert (shell.here / "rate" / "rate.png").is_file()


def test_equal_commands_make_equal_artefacts(shell: Shell) -> None:
    ids = [shell.json("rate", *RATED, "-o", name, "--workers", jobs)["id"] for name, jobs in (("a", 0), ("b", 3))]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("splice", "made/data", "made/baseline"), "it holds prepared data, wanted an hourglass"),
        (("splice", *PLAIN, "--ae", "made/activations"), "wanted an autoencoder"),
        (("splice", *PLAIN, "--activations", "made/data"), "wanted activations"),
        (("splice", *PLAIN, "--stack", "1", "-o", "out"), "it has stack 0 only. Try: --stack 0"),
        (("splice", *PLAIN, "--stack", "all"), "--stack"),
        (("splice", *PLAIN, "-o", "made"), "it exists already"),
        (("splice", "made/finetuned", "made/data", "--activations", "made/activations"), "of model"),
        (("rate", "made/baseline", "made/data", "made/activations"), "it holds prepared data, wanted activations"),
        (("rate", "made/finetuned", *RATED[1:], "-o", "out"), "shgae extract"),
        (("rate", "made/grafted", *RATED[1:], "--ae", "made/autoencoder"), "leave it out"),
        (("rate", *RATED[:3], "--components", "few"), "'few' is not a whole number"),
    ],
)
def test_what_does_not_go_is_refused_in_one_line(shell: Shell, words: tuple[str, ...], told: str) -> None:
    assert told in shell.refused(*words)


def test_data_of_other_joints_is_refused(shell: Shell) -> None:
    def one_joint_less(document: dict) -> None:
        document["categories"][0]["keypoints"][0] = "snout"

    people, photos = shell.people(one_joint_less)
    shell.run("prepare", "--train", people, photos, "--val", people, photos, "-o", "other", "--crop-size", 128)
    for words in (("splice", "made/baseline", "other"), ("rate", "made/baseline", "made/activations", "other")):
        assert "snout" in shell.refused(*words)
