"""``shgae doctor``."""

from __future__ import annotations

from shgae.cli.command import BESIDE, command
from shgae.cli.outcome import Outcome


@command("doctor", section=BESIDE, example="shgae doctor --json")
def doctor() -> Outcome:
    """Shows what this machine offers, and tests a training step and a file."""
    from shgae.cli.tables import facts_table
    from shgae.stages import doctor as stage

    result = stage.run()
    return Outcome(result.to_json(), [facts_table(result.machine), facts_table(result.checks)], failure=result.fault())
