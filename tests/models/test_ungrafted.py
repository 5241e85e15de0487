"""The network of before all grafts, found by the manifests of a small family."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.ungrafted import is_graft_of, ungrafted

PLAIN = HourglassSpec(keypoints=3, crop_size=128, width=8, stacks=2)
CODE = AutoencoderSpec(width=8, code_size=5)
SECOND = PLAIN.with_graft(CODE, 1)
BOTH = SECOND.with_graft(CODE, 0)


def made(path: Path, spec: HourglassSpec | None, seed: int = 0, **parents: Artifact) -> Artifact:
    """A network with a file in the place of its weights; without a spec, an autoencoder."""
    kind, facts = ("autoencoder", {}) if spec is None else ("hourglass", {"spec": spec.to_json()})
    with new_artifact(path, kind=kind, config={"seed": seed}, parents=parents, execution=Execution()) as draft:
        draft.write("model.safetensors", b"weights")
        return draft.commit(facts)


@dataclass(frozen=True)
class Family:
    older: Path
    """What the plain one was trained further from."""
    plain: Path
    once: Path
    """With an autoencoder in the second stack."""
    twice: Path
    """With one in both."""
    tuned: Path
    """That one, trained further."""


@pytest.fixture
def family(tmp_path: Path) -> Family:
    older = made(tmp_path / "older", PLAIN)
    plain = made(tmp_path / "plain", PLAIN, 1, model=older)
    code = made(tmp_path / "code", None, model=plain)
    once = made(tmp_path / "once", SECOND, autoencoder=code, model=plain)
    twice = made(tmp_path / "twice", BOTH, model=once)
    tuned = made(tmp_path / "tuned", BOTH, 2, model=twice)
    return Family(older.path, plain.path, once.path, twice.path, tuned.path)


def test_a_network_without_an_autoencoder_was_never_grafted(family: Family) -> None:
    assert ungrafted(family.older) is None
    assert ungrafted(family.plain) is None


@pytest.mark.parametrize("name", ["once", "twice", "tuned"])
def test_however_often_it_was_grafted_and_trained_the_nearest_plain_network_is_found(family: Family, name: str) -> None:
    assert ungrafted(getattr(family, name)) == family.plain
    assert is_graft_of(getattr(family, name), family.plain)


@pytest.mark.parametrize("end", ["gone", "replaced"])
def test_where_the_plain_network_is_not_there_any_more_nothing_is_found(family: Family, end: str) -> None:
    shutil.rmtree(family.older)
    shutil.rmtree(family.plain)
    if end == "replaced":
        made(family.plain, PLAIN, 77)
    assert ungrafted(family.tuned) is None
    assert not is_graft_of(family.tuned, family.plain)


def test_an_older_network_does_not_stand_in_for_the_one_that_is_gone(family: Family) -> None:
    shutil.rmtree(family.plain)
    for grafted in (family.once, family.twice, family.tuned):
        assert ungrafted(grafted) is None
        assert not is_graft_of(grafted, family.older)


def test_a_network_between_that_is_not_there_any_more_hides_nothing(family: Family) -> None:
    shutil.rmtree(family.once)
    assert ungrafted(family.tuned) == family.plain
    assert is_graft_of(family.tuned, family.plain)


def test_a_network_that_was_made_of_another_or_of_none_is_no_graft(family: Family, tmp_path: Path) -> None:
    stranger = made(tmp_path / "stranger", SECOND).path
    assert ungrafted(stranger) is None
    assert not is_graft_of(stranger, family.plain)
    assert not is_graft_of(family.plain, family.plain)
    assert not is_graft_of(family.plain, family.older)
    assert not is_graft_of(family.once, family.older), "but of the one that was trained further from it"


def test_no_weights_are_hashed_on_the_way(family: Family) -> None:
    for folder in (family.tuned, family.twice, family.once, family.plain):
        (folder / "model.safetensors").write_bytes(b"changed")
    assert ungrafted(family.tuned) == family.plain


def test_a_graft_is_one_under_other_names_of_the_folder_too(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(family.plain)
    monkeypatch.chdir(tmp_path)
    assert is_graft_of(Path("tuned"), Path("link"))
    assert is_graft_of(family.tuned, Path("once") / ".." / "plain")


@pytest.mark.parametrize("name", ["empty", "code", "missing"])
def test_where_something_else_lies_there_is_no_graft(family: Family, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    assert is_graft_of(tmp_path / name, family.plain) is False
    with pytest.raises(Refused):
        ungrafted(tmp_path / name)
