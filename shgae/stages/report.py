"""``shgae report``: artefacts -> one page that holds everything it shows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae import __version__
from shgae.artifacts.command_line import typed
from shgae.artifacts.durable import write_bytes
from shgae.artifacts.output_file import PAGE, check_file, make_room
from shgae.config import some
from shgae.data.photo_files import settled_pillow
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import ReportConfig
from shgae.reporting.page.html import Page, Section, pictures_of, render
from shgae.reporting.page.inputs import Given, open_given
from shgae.reporting.page.lineage import lineage, made
from shgae.reporting.page.people import people_section
from shgae.reporting.page.sections import concluded, findings_of, sections_of
from shgae.reporting.page.training import training_section


@dataclass(frozen=True)
class ReportResult:
    """A page that was written."""

    path: Path
    sha256: str
    size: int
    """Bytes."""
    artefacts: tuple[str, ...]
    """Ids of what it shows, parents before children."""
    sections: tuple[str, ...]
    """Headings."""
    pictures: int

    def to_json(self) -> dict[str, Any]:
        return {
            "output": str(self.path),
            "sha256": self.sha256,
            "bytes": self.size,
            "artefacts": list(self.artefacts),
            "sections": list(self.sections),
            "pictures": self.pictures,
        }


@settled_pillow
def run(inputs: Sequence[Path], output: Path, config: ReportConfig, execution: Execution) -> ReportResult:
    """Writes one self-contained page of what these artefacts hold; equal inputs give equal bytes.

    Args:
        inputs: artefacts of any kind, in any order; a study's folder stands for its report.
        output: the file to make; its name ends in ``.html`` or ``.htm``.
        config: title, how many people are drawn, and between which models.
        execution: force and progress.

    Raises:
        Refused: an input is not a complete artefact or a file read from it was changed, the output exists, has
            another ending or lies inside an input, or the two models are not in an evaluation.
        Interrupted: a signal came; nothing was written.
    """
    some("inputs", inputs)
    check_file(output, PAGE, execution.force, example="report")
    given = open_given(inputs, execution)
    _check_place(output, given)
    make_room(output.parent, output.name)
    sections = _sections(given, config, execution)
    page = Page(config.title, _lead(given), sections, _foot(given))
    data = render(page)
    execution.stop.raise_if_set("report", "the same command again", saved=False)
    check_file(output, PAGE, execution.force, example="report")  # once more: it may have been made since
    write_bytes(output, data)
    return ReportResult(
        path=output,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        artefacts=tuple(one.artifact.id for one in given),
        sections=tuple(one.title for one in sections),
        pictures=sum(len(pictures_of(part.blocks)) for one in sections for part in (one, *one.parts)),
    )


def _check_place(output: Path, given: Sequence[Given]) -> None:
    for one in given:
        if Path(os.path.realpath(output)).is_relative_to(os.path.realpath(one.artifact.path)):
            raise Refused("output", output, f"it lies inside {one.artifact.path}, an input", "another --output")


def _sections(given: Sequence[Given], config: ReportConfig, execution: Execution) -> tuple[Section, ...]:
    sections = sections_of(given, execution.progress)
    people = people_section([one for one in given if one.kind == "evaluation"], given, config, execution)
    if people:
        after = 1 + next(i for i, section in enumerate(sections) if section.anchor == "evaluation")
        sections.insert(after, people)
    if training := training_section(given):
        behind = [one for one in sections if one.anchor in ("figures", "predictions", "data")]
        sections = [one for one in sections if one not in behind] + [training, *behind]
    # Last, for what was read of each artefact is known only now.
    return (concluded(findings_of(given)), *sections, lineage(given), made(given))


def _lead(given: Sequence[Given]) -> str:
    days = sorted({str(one.artifact.manifest.provenance.get("created", ""))[:10] for one in given} - {""})
    when = f", made {days[0]}" + (f" to {days[-1]}" if len(days) > 1 else "") if days else ""
    names = ", ".join(one.name for one in given)
    return f"{len(given)} artefact{'s' * (len(given) > 1)}{when}: {names}."


def _foot(given: Sequence[Given]) -> tuple[str, ...]:
    command = typed("report", *(one.artifact.path for one in given), "-o", "FILE.html")
    return (f"Made by shgae {__version__} from these artefacts alone: {command}", "Every picture lies in this file.")
