"""``shgae info``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import MAINTENANCE, Outcome, command, typed
from shgae.cli.inputs import Folder


@command("info", section=MAINTENANCE, example="shgae info finetuned")
def info(
    path: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Any artefact, an unfinished one, or a study."),
        Folder(or_unfinished=True),
    ],
) -> Outcome:
    """Shows what a folder holds, how it was made, and its lineage."""
    from rich.text import Text

    from shgae.artifacts.disk_space import readable
    from shgae.cli.tables import POOLED, facts_table, in_units, lineage_tree, plain
    from shgae.reporting.names import options_named
    from shgae.stages import info as stage

    result = stage.run(path).to_json()
    size = {"files": result["files"], "size": readable(result["bytes"])}
    config = facts_table(options_named(result["kind"], result["config"]), "Made with")
    known = dict(result["facts"])
    if result["kind"] == "hourglass" and "best_score" in known:
        known["val_pck"] = known.pop("best_score")
    if "validation_by_stack" in known:
        known["validation"] = f"{plain(known['validation'])}, of {POOLED}"
    known = {"people" if name == "persons" else name: value for name, value in known.items()}
    facts = facts_table(size | in_units(known), "Facts")
    command = {"command": shlex.join(result["provenance"].get("command", ()))}
    made_by = facts_table(result["provenance"] | command, "Made by")
    if not result["complete"]:
        heading = f"unfinished {result['kind']} in {result['path']}: interrupted (the same command with --resume goes"
        origin = [made_by] if result["provenance"] else []
        return Outcome(result, [Text(f"{heading} on), or still running"), facts, config, *origin])
    absent = () if all(one["present"] for one in result["lineage"]) else ("--allow-missing",)
    return Outcome(result, [lineage_tree(result["lineage"]), facts, config, made_by], typed("verify", *absent, path))
