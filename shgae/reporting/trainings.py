"""How compared models were trained, in a table and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shgae.artifacts.hashing import is_sha256
from shgae.evaluation.report import EvaluationReport, Pair
from shgae.evaluation.trainings import OF_THE_AUTOENCODER, Control, Trained, Training, things_of, values_of
from shgae.reporting.table import Grid
from shgae.wording import listed

_ALWAYS = ("stages", "epochs", "steps")
"""Rows of the table whether or not they differ."""
_SHORT = 8
_VERDICTS: Mapping[Control, str] = {
    Control.EQUAL: "",
    Control.ONE_OPTION: "; trained equally but for {what}",
    Control.NOT_CONTROLLED: "; not controlled: they differ in {what}",
    Control.UNKNOWN: "",
}
"""What is added to the sentence of a pair."""
_NOTES = (
    (Control.NOT_CONTROLLED, "Not controlled, a difference of scores may come from the trainings: {pairs}"),
    (Control.ONE_OPTION, "Trained equally but for one option: {pairs}"),
    (Control.EQUAL, "Trained equally: {pairs}"),
)


def control(pair: Pair) -> str:
    """What the sentence of a pair says of its trainings; empty where they are equal or not known."""
    names = [difference.what.replace("_", " ") for difference in pair.trainings.differences]
    return _VERDICTS[pair.trainings.verdict].format(what=", ".join(names))


def trainings_tables(report: EvaluationReport) -> list[Grid]:
    """A row a thing in which the trainings of models differ, a column a model; none where less than two are known."""
    known = {row.name: row.trained for row in report.models if row.trained}
    if len(known) < 2:
        return []
    pairs = [pair for pair in report.comparisons if {pair.first, pair.second} <= known.keys()]
    differing = {difference.what for pair in pairs for difference in pair.trainings.differences}
    every = things_of([training for one in known.values() for training in one.trainings])
    rows = [
        (name.replace("_", " "), *(_told(one.trainings, name) for one in known.values()))
        for name in every
        if name in differing or name in _ALWAYS
    ]
    rows += [
        (OF_THE_AUTOENCODER.format(name.replace("_", " ")), *(_told(one.autoencoders, name) for one in known.values()))
        for name in things_of([training for one in known.values() for training in one.autoencoders])
        if OF_THE_AUTOENCODER.format(name) in differing
    ]
    rows.append(("network", *(_network(one) for one in known.values())))
    notes = []
    for verdict, template in _NOTES:
        named = [f"{pair.second} - {pair.first}" for pair in pairs if pair.trainings.verdict is verdict]
        if named:
            notes.append(template.format(pairs=", ".join(named)))
    notes.append("By the manifests of the models and of what they come from; options not shown are equal")
    if len({len(one.autoencoders) for one in known.values()}) > 1:
        notes.append("Pre-training is not counted where one of the two networks alone has an autoencoder")
    headings = ("training", *known)
    return [Grid("How the models were trained", headings, tuple(rows), "\n".join(notes), words=headings)]


def _told(trainings: Sequence[Training], name: str) -> str:
    """Of each training the value; what all of them share is said once."""
    values = ["?" if value is None else _plain(value) for value in values_of(trainings, name)] or ["-"]
    joint = " + " if name in _ALWAYS else " then "
    return values[0] if len(set(values)) == 1 and joint == " then " else joint.join(values)


def _plain(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text[:_SHORT] if is_sha256(text) else text


def _network(one: Trained) -> str:
    """``1 x original, width 256, code of 50``."""
    spec, sizes = one.network, [str(size) for size in one.code_sizes]
    code = f", code of {listed(sizes)}" if sizes else ""
    return f"{spec.get('stacks', '?')} x {spec.get('residual', '?')}, width {spec.get('width', '?')}{code}"
