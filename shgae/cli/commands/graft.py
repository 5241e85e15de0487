"""``shgae graft``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shgae.cli.command import Outcome, ancestor, beside, command, typed
from shgae.cli.inputs import Folder
from shgae.cli.options import Model, Output
from shgae.execution import Execution

_WHERE = "Stack (hourglass): its number from 0, or last; may be given several times. [default: last]"
_WHAT = "Pre-trained on activations of this model: one for each --stack, or one that all of them share."


def _number(value: str) -> int:  # typer takes no list of a Literal
    if value not in ("last", *"01234567"):
        raise typer.BadParameter(f"{value} is not last or 0 to 7.")
    return -1 if value == "last" else int(value)


@command(
    "graft",
    example="shgae graft baseline autoencoder -o grafted",
    writes="""
    MODEL/
      model.safetensors   weights of all of them
      manifest.json       what the network is, its parents, hashes
    """,
    running=("force",),
)
def graft(
    model: Model,
    autoencoders: Annotated[list[Path], typer.Argument(metavar="AE...", help=_WHAT), Folder(("autoencoder",))],
    output: Output,
    execution: Execution,
    stack: Annotated[list[int] | None, typer.Option("--stack", metavar="N", parser=_number, help=_WHERE)] = None,
) -> Outcome:
    """Inserts autoencoders after the last bottleneck residual of their hourglasses.

    With one autoencoder per stack, the first goes into the first --stack given, and so on. A single one for several
    stacks is shared: one set of weights. The same one given twice becomes two copies, which fine-tuning changes
    separately.
    """
    from shgae.cli.tables import facts_table
    from shgae.stages import graft as stage

    result = stage.run(model, autoencoders, output, execution, stack or [-1]).to_json()
    shown = {"parameters": result["parameters"]}
    for site in result["sites"]:
        others = ", ".join(map(str, site["shared_with"]))
        whose = f"shared with stack {others}" if others else "of its own"
        shown[f"stack {site['stack']}"] = f"an autoencoder {whose}, code of {site['code_size']} numbers"
    then = typed("finetune", output, ancestor(output, "data"), "-o", beside(output, "finetuned"))
    return Outcome(result, [facts_table(shown)], then)
