"""``shgae doctor``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shgae.cli.command import MAINTENANCE, Outcome, command
from shgae.wording import counted


@command("doctor", section=MAINTENANCE, example="shgae doctor --json")
def doctor() -> Outcome:
    """Reports what this machine offers, and tries a training step and a file."""
    from shgae.cli.tables import facts_table
    from shgae.stages import doctor as stage

    result = stage.run()
    tables = [facts_table(_in_words(result.machine)), facts_table(result.checks)]
    return Outcome(result.to_json(), tables, failure=result.fault())


def _in_words(machine: Mapping[str, Any]) -> dict[str, str]:
    """The machine with units, a line a device."""
    auto, extras = machine["auto"], machine["extras"]
    return {
        "versions": ", ".join(f"{name} {version}" for name, version in machine["versions"].items()),
        "system": machine["system"],
        "processor": f"{machine['processor']}, {counted(machine['processors'], 'core')} to use, "
        f"{counted(machine['threads'], 'thread')}",
        "memory": f"{machine['memory_gb']:g} GB",
        "free disk": f"{machine['disk_free_gb']:g} GB",
        **{device["device"]: _device(device) for device in machine["devices"]},
        "auto takes": f"{auto['device']}{' in ' + auto['precision'] if 'precision' in auto else ''} ({auto['why']})",
        "installed extras": ", ".join(name for name, is_there in extras.items() if is_there) or "none",
        "not installed": ", ".join(name for name, is_there in extras.items() if not is_there) or "-",
    }


def _device(device: Mapping[str, Any]) -> str:
    memory = f", {device['memory_gb']:g} GB" if device["memory_gb"] else ""
    return f"{device['name']}{memory}, {'multiplies bf16 natively' if device['native_bf16'] else 'no native bf16'}"
