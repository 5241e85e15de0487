"""``shgae info``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import BESIDE, command, typed
from shgae.cli.outcome import Outcome


@command("info", section=BESIDE, example="shgae info finetuned")
def info(
    path: Annotated[Path, typer.Argument(metavar="FOLDER", help="Any artefact, or an unfinished one.")],
) -> Outcome:
    """Shows the content of an artefact, how it was made, and its lineage."""
    from shgae.artifacts.disk_space import readable
    from shgae.cli.tables import facts_table, lineage_tree
    from shgae.stages import info as stage

    result = stage.run(path).to_json()
    size = {"files": result["files"], "size": readable(result["bytes"])}
    config = facts_table(result["config"], "Made with")
    facts = facts_table(size | result["facts"], "Facts")
    command = {"command": shlex.join(result["provenance"].get("command", ()))}
    made_by = facts_table(result["provenance"] | command, "Made by")
    if not result["complete"]:
        heading = f"unfinished {result['kind']} in {result['path']}: interrupted (the same command with --resume goes"
        known = [made_by] if result["provenance"] else []
        return Outcome(result, [f"{heading} on), or still running", facts, config, *known])
    return Outcome(result, [lineage_tree(result["lineage"]), facts, config, made_by], typed("verify", path))
