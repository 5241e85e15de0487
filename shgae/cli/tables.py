"""Results as tables, for people: of the JSON that ``--json`` prints, or of the dataclasses that give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from shgae.artifacts.disk_space import DryRun, readable
from shgae.cli.command import Outcome, near
from shgae.cli.progress.tracked import NAMES, SCALES
from shgae.errors import printable
from shgae.evaluation.study_report import StudyCosts, StudyReport
from shgae.recipes import JOINT_MISMATCH
from shgae.reporting.table import Grid
from shgae.wording import duration

_MOST_NAMES = 6
POOLED = "all stacks together, against their common mean"
"""What the errors of an autoencoder of several stacks are of, but for those of each stack."""


def facts_table(facts: Mapping[str, Any], heading: str = "") -> Table:
    """Names and values, a line each."""
    title = Text(f"\n{printable(heading)}", style="bold") if heading else None
    table = Table(box=None, show_header=False, pad_edge=False, title=title, title_justify="left")
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(Text(printable(name.replace("_", " "))), Text(printable(plain(value))))
    return table


def dry_run_outcome(made: DryRun) -> Outcome:
    """What a dry run shows, and its refusal where the disk has too little room."""
    result = made.to_json()
    said = {"would make": result["what"], "takes": readable(made.size), "free": readable(made.free)}
    table = facts_table({**said, "time": f"about {duration(max(made.seconds, 1))}"})
    return Outcome(result, [table], failure=made.fault())


def mirrored(pairs: Sequence[Sequence[str]]) -> str:
    """The joints that change places in a mirror image, by name."""
    if not pairs:
        return "none: name left and right, or give flip_pairs in the category"
    return f"{len(pairs)}: {', '.join(' - '.join(pair) for pair in pairs)}"


def in_units(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Scores of a history under the names and in the units that progress shows them with; the rest as it is."""
    return {
        NAMES.get(name, name): SCALES[name] * value if name in SCALES and isinstance(value, float) else value
        for name, value in facts.items()
    }


def plain(value: Any) -> str:
    """A JSON value for people, on one line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, Mapping):
        if isinstance(value.get("names"), list):
            return f"{len(value['names'])} joints: {plain(value['names'])}"
        return ", ".join(f"{name.replace('_', ' ')} {_inner(one)}" for name, one in value.items()) or "-"
    if isinstance(value, list | tuple):
        shown = ", ".join(_inner(one) for one in value[:_MOST_NAMES])
        return f"{shown}, ..." if len(value) > _MOST_NAMES else shown or "-"
    return printable(str(value)) or "-"


def _inner(value: Any) -> str:
    text = plain(value)
    return f"({text})" if isinstance(value, Mapping) and value else text


def fit_table(result: Mapping[str, Any]) -> Table:
    """A training: its best epoch, the epoch of the weights that were kept."""
    left_out = ("epoch", "seconds", "samples", "lr")  # lr: where the schedule stood then, not what was asked for
    kept = {name: value for name, value in result["best"].items() if name not in left_out}
    best = in_units(kept)
    epochs = f"{result['best_epoch']} of {len(result['history'])}"
    parameters = f"{result['parameters']:,}"
    if (trained := result.get("trained_parameters", result["parameters"])) != result["parameters"]:
        parameters += f", of which {trained:,} learned"
    return facts_table({"parameters": parameters, "best epoch": epochs} | best)


def autoencoder_tables(result: Mapping[str, Any]) -> list[Table | Text]:
    """A trained autoencoder: its best epoch, its errors on validation, of each stack too, and whether they are poor.

    The errors are those in fp32; the history has them in the number format of the training, so they stand here once.
    """
    best = {name: value for name, value in result["best"].items() if not name.startswith("val_")}
    by_stack = {f"stack {stack}": found for stack, found in result.get("validation_by_stack", {}).items()}
    errors = facts_table(_errors(result["validation"]) | ({"of": POOLED} if by_stack else {}), "Validation")
    tables: list[Table | Text] = [fit_table({**result, "best": best}), errors]
    if by_stack:
        each = {stack: _errors(found) for stack, found in by_stack.items()}
        tables.append(facts_table(each, "Of each stack, against its own mean"))
    poor = [name for name, found in {"": result["validation"], **by_stack}.items() if (found["fvu"] or 0.0) >= 1]
    if poor:
        where = " and ".join(filter(None, poor))
        said = "FVU 1 is what the training mean gives for everybody: the autoencoder is not better"
        tables.append(Text(said + (f" for {where}" if where else "")))
    return tables


def _errors(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name.upper() if name in ("mse", "fvu") else name: value for name, value in found.items()}


def carried_table(joints: Mapping[str, Any]) -> Table:
    """Fine-tuning on other joints: which of them had a trained channel."""
    shown = {"trained channel": joints["trained"], "newly initialised": joints["new"], "dropped": joints["gone"]}
    return facts_table(
        {name: ", ".join(names) or "-" for name, names in shown.items()},
        f"joints ({JOINT_MISMATCH.now.get(joints['how'], joints['how'])})",
    )


def lineage_tree(lineage: list[Mapping[str, Any]]) -> Tree:
    """A family tree, from the artefact itself (first in the list, depth 0) to everything it was made from."""
    trees: list[Tree] = []
    for ancestor in lineage:
        label = Text()
        if ancestor["role"]:
            label.append(printable(f"{ancestor['role']}: "), style="cyan")
        label.append(printable(f"{ancestor['kind']} "), style="bold")
        label.append(printable(f"{ancestor['id'][:12]}  {near(Path(ancestor['path']))}"))
        if not ancestor["present"]:
            label.append("  missing", style="red")
        del trees[ancestor["depth"] :]
        trees.append(trees[-1].add(label) if trees else Tree(label))
    return trees[0]


def study_tables(report: StudyReport, costs: StudyCosts | None = None) -> list[Grid | Text]:
    """The arms, their differences, what both allow to say, the sizes of the code, and the arms' costs where known."""
    from shgae.reporting import study

    grids = [*study.tables(report), *study.sizes_table(report)]
    grids += [study.costs_table(report, costs)] if costs else []
    return [*grids, Text("\n".join([study.conclusion(report), *study.notes(report)]))]


def dry_run_tables(dry_run: Mapping[str, Any]) -> list[Grid | str]:
    """What a study would make, a row for all seeds, and how long it takes."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for part in dry_run["parts"]:
        groups.setdefault((part["arm"], part["what"]), []).append(part)
    rows = []
    for (arm, what), parts in groups.items():
        missing = [part["seconds"] for part in parts if not part["there"]]
        each, whole = (duration(seconds) if missing else "-" for seconds in (max(missing, default=0), sum(missing)))
        rows.append((arm or "all", what, str(len(parts) - len(missing)), str(len(missing)), each, whole))
    headings = ("arm", "what", "there already", "to make", "time each", "in all")
    table = Grid("what this study makes", headings, tuple(rows), words=("what",))
    return [table, f"in all: about {duration(dry_run['seconds'])}"]


def plan_tables(listing: Mapping[str, Any]) -> list[Grid | str]:
    """The parts of a study and how far they are."""
    parts, headings = listing["parts"], ("part", "what", "state")
    rows = tuple((part["name"], part["what"], part["state"]) for part in parts)
    done, running = (sum(part["state"] == state for part in parts) for state in ("done", "running"))
    said = f"plan {listing['plan'][:12]}: {done} of {len(parts)} parts done, {running} running"
    left = f", {listing['left']}" if listing["left"] else ""
    return [Grid("parts of this study", headings, rows, words=headings), said + left]
