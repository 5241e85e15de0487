"""The parts of a page, each made of the artefacts of one kind; what may be concluded stands above them, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from shgae.analysis.latent.report import ANALYSIS_REPORT
from shgae.analysis.latent.text import sentences as analysis_sentences
from shgae.analysis.rate.report import RATE_REPORT
from shgae.analysis.rate.text import sentences as rate_sentences
from shgae.analysis.splice.report import SPLICE_REPORT
from shgae.analysis.splice.text import sentences as splice_sentences
from shgae.artifacts.input_file import whole
from shgae.artifacts.manifest import CODE_SIZES, DIFFERENCES, RATE, REPORT, SHEET
from shgae.artifacts.store import Artifact
from shgae.errors import AGAIN, Refused
from shgae.evaluation.report import EVALUATION
from shgae.evaluation.study_report import COSTS, STUDY_COSTS, read_study
from shgae.execution import Progress
from shgae.metrics.error_kinds import KINDS
from shgae.recipes import SPLITS
from shgae.reporting import evaluation, splice, study
from shgae.reporting.evaluation_figures import evaluation_figures, radius_panels
from shgae.reporting.latent import analysis_tables
from shgae.reporting.page.html import Block, Details, Figure, Item, Items, Section, Text
from shgae.reporting.page.images import MOST_BYTES, of_figure, of_file
from shgae.reporting.page.inputs import Given
from shgae.reporting.rate import rate_table
from shgae.reporting.study_cautions import cautions
from shgae.reporting.study_registration import registration
from shgae.reporting.table import Grid

_SILENT = Progress()
_ON_PHOTOS = (
    "The intervals of an evaluation are over photos, for these very weights: other seeds would train other weights. "
    "A difference between two models does not tell its cause where their trainings differ in more than one thing; "
    "shgae study keeps everything else equal."
)
_NOTHING = (
    "None of these artefacts compares anything (an evaluation of two models, a study, a splice or a rate curve would), "
    "so nothing may be concluded."
)

_MOST_PICTURE = 2**29
"""Bytes of a file that may become a picture of a page."""
_CAPTIONS = {
    "curves-pck": "Losses and PCK over epochs",
    "curves-fvu": "Losses and FVU over epochs",
    "learning-rate": "Learning rate over epochs",
    "rate": "PCK and FVU over the number of principal components",
    "spectrum": "Variance over principal components",
    "joints": "Joints found, by model",
    "radii": "Joints found over the radius within which they count, by model",
    "errors": "Kinds of errors, by model",
    "differences": "Differences between arms with their intervals",
    "code-sizes": "PCK against the size of the code",
}
"""By the beginning of a figure's name."""


@dataclass(frozen=True)
class Findings:
    """What one artefact allows to say."""

    given: Given
    sentences: tuple[str, ...]
    anchor: str
    """Of the part of the page that it comes from."""


def findings_of(given: Sequence[Given]) -> list[Findings]:
    """The sentences of every report, as they stand there."""
    found = []
    for kind, say in _SENTENCES.items():
        for one in given:
            if one.kind == kind and one.has(REPORT):
                found.append(Findings(one, tuple(say(one.artifact)), f"{kind}-{one.anchor}"))
    return [one for one in found if one.sentences]


def concluded(found: Sequence[Findings]) -> Section:
    """What may be concluded: nothing that does not stand in a report."""
    items = tuple(
        Item("", one.given.name, ("", *one.sentences), (), (("from", one.anchor, f"the {one.given.kind}"),))
        for one in found
    )
    blocks: list[Block] = [Items(items)] if items else [Text(_NOTHING, "caution")]
    if any(one.given.kind == "evaluation" for one in found):
        blocks.append(Text(_ON_PHOTOS, "caution"))
    return Section("findings", "What may be concluded", tuple(blocks))


def _studied(artifact: Artifact) -> list[str]:
    report = read_study(artifact)
    return [study.conclusion(report), *cautions(report)]


_SENTENCES: Mapping[str, Callable[[Artifact], Iterable[str]]] = {
    "study": _studied,
    "evaluation": lambda one: evaluation.sentences(EVALUATION.read(one.open(REPORT))),
    "splice": lambda one: splice_sentences(SPLICE_REPORT.read(one.open(REPORT))),
    "rate": lambda one: rate_sentences(RATE_REPORT.read(one.open(REPORT))),
    "analysis": lambda one: analysis_sentences(ANALYSIS_REPORT.read(one.open(REPORT))),
}


def sections_of(given: Sequence[Given], progress: Progress = _SILENT) -> list[Section]:
    """A section a kind, in the order of the page; only of kinds that are there."""
    sections = []
    progress.start("sections", sum(one.kind == kind for kind, _, _ in _SECTIONS for one in given), "artefacts")
    for kind, title, blocks_of in _SECTIONS:
        parts = []
        for one in (one for one in given if one.kind == kind):
            if blocks := blocks_of(one):
                parts.append(Section(f"{kind}-{one.anchor}", one.name, blocks))
            progress.advance()
        if parts:
            sections.append(Section(kind, title, parts=tuple(parts)))
    progress.finish()
    return sections


def _unsaid(grid: Grid, said: Sequence[str]) -> Grid:
    """A table without the lines below it that were said above."""
    return replace(grid, caption="\n".join(line for line in grid.caption.splitlines() if line not in said))


def _evaluation(one: Given) -> tuple[Block, ...]:
    if not one.has(REPORT):
        return (Text("Scored as a part of a study; the numbers stand in the study's report."),)
    report = EVALUATION.read(one.artifact.open(REPORT))
    said = evaluation.sentences(report)
    figures = evaluation_figures(report, one.looks)
    curves = " and ".join(panel.title for panel in radius_panels(report))
    alts = {
        "joints": f"Bars: the share of each joint that {', '.join(row.name for row in report.models)} find",
        "errors": f"Stacked bars: of each joint the shares of {', '.join(KINDS)}",
        "radii": f"Curves: {curves}",
    }
    drawn = [
        Figure((of_figure(figures[name](), f"{alt}; the numbers stand in the tables below"),), _caption(name))
        for name, alt in alts.items()
        if name in figures
    ]
    return (
        *(_unsaid(grid, said) for grid in evaluation.main_tables(report)),
        *drawn,
        Details("Single joints, and people by how many they have labelled", tuple(evaluation.joint_tables(report))),
    )


def _study(one: Given) -> tuple[Block, ...]:
    report = read_study(one.artifact)
    arms, differences, *joints = study.tables(report)
    alt = "Forest plot of the differences between arms, as in the table below."
    picture = _picture(one, DIFFERENCES, alt, "Differences with their intervals; numbers in the table below.")
    said = (study.budget_line(report.budget), *registration(report.registered))
    shown = "PCK against the size of the code, as in the table below."
    curve = _picture(one, CODE_SIZES, shown, "PCK before and after fine-tuning, and of as many components.")
    costs = [study.costs_table(report, STUDY_COSTS.read(one.artifact.file(COSTS)))] if one.has(COSTS) else []
    single = [Details("Single joints", tuple(joints))] if joints else []
    return (arms, *picture, differences, *single, *map(Text, said), *curve, *study.sizes_table(report), *costs)


def _splice(one: Given) -> tuple[Block, ...]:
    report = SPLICE_REPORT.read(one.artifact.open(REPORT))
    *tables, checks = splice.splice_tables(report)
    code = tuple(Text(line) for line in splice.code_lines(report).splitlines())
    return (*tables, *code, Details("Is the splice exact?", (checks,)))


def _rate(one: Given) -> tuple[Block, ...]:
    report = RATE_REPORT.read(one.artifact.open(REPORT))
    alt = "PCK and FVU against the number of principal components, as in the table below."
    picture = _picture(one, RATE, alt, "PCK (left) and FVU (right) over the number of components.")
    return (*picture, rate_table(report))


def _data(one: Given) -> tuple[Block, ...]:
    facts = one.artifact.facts
    rows: list[tuple[str, str]] = [
        (split, f"{facts['splits'][split]:,}") for split in SPLITS if split in facts["splits"]
    ]
    rows += [(f"dropped: {why}", f"{people:,}") for why, people in facts.get("dropped", {}).items()]
    side, names = facts["crop_size"], facts["skeleton"]["names"]
    notes = (
        f"Crops of {side} x {side} pixels, square {facts.get('square', 'study')}, policy {facts['crop_policy']}, "
        f"margin {facts['margin']:g}\n"
        f"{len(names)} joints: {', '.join(names)}"
    )
    table = Grid("People", ("split", "people"), tuple(rows), notes, len(facts.get("dropped", {})))
    alt = "Some people of the training split with their joints, and a table of the people that were left out"
    return (table, *_picture(one, SHEET, alt, "Some people of the training split, as they were cut."))


def _analysis(one: Given) -> tuple[Block, ...]:
    report = ANALYSIS_REPORT.read(one.artifact.open(REPORT))
    blocks: list[Block] = [*analysis_tables(report)]
    series: dict[str, list[Block]] = {}
    for figure in report.figures:
        stem = figure.file.removesuffix(".png")
        drawn = _drawn(one, stem, figure.alt, figure.title)
        series.setdefault(stem.rstrip("0123456789"), []).extend(drawn)
    for first, *more in filter(None, series.values()):
        blocks += [first, Details(f"{len(more)} more of these", tuple(more))] if more else [first]
    blocks += [Text(f"Left out: {part}, {why}.") for part, why in report.left_out.items()]
    return tuple(blocks)


def _figures(one: Given) -> tuple[Block, ...]:
    names = [str(name) for name in one.artifact.facts["figures"]]
    return tuple(block for name in names for block in _drawn(one, name, f"The figure {name}", _caption(name)))


def _caption(name: str) -> str:
    """Of a figure of ``shgae plot``, which is called after what it shows, and then after its run."""
    shows = next((shows for stem, shows in _CAPTIONS.items() if name == stem or name.startswith(f"{stem}-")), name)
    run = next((name.removeprefix(f"{stem}-") for stem in _CAPTIONS if name.startswith(f"{stem}-")), "")
    return f"{shows}: {run}." if run else f"{shows}."


def _drawn(one: Given, stem: str, alt: str, caption: str) -> tuple[Block, ...]:
    """A figure once, of its files: as SVG where that fits, else as PNG."""
    files = [f"{stem}{suffix}" for suffix in (".svg", ".png") if one.has(f"{stem}{suffix}")]
    fits = [file for file in files if one.artifact.manifest.files[file].size <= MOST_BYTES]
    file = next(iter([*fits, *reversed(files)]), None)
    return _picture(one, file, alt, caption) if file else ()


def _predictions(one: Given) -> tuple[Block, ...]:
    alt = "Up to 16 photos with the predicted joints drawn on them"
    return _picture(one, SHEET, alt, "Photos with their predicted joints, spread evenly over all.")


def _picture(one: Given, name: str, alt: str, caption: str) -> tuple[Block, ...]:
    """A picture file of an artefact; nothing where it lacks the file."""
    if not one.has(name):
        return ()
    with one.artifact.open(name) as file:
        data = whole(file, "picture", "a smaller picture", _MOST_PICTURE)
    try:
        return (Figure((of_file(data, alt),), caption),)
    except ValueError as error:
        raise Refused("picture", file.name, str(error), AGAIN) from error


_SECTIONS: tuple[tuple[str, str, Callable[[Given], tuple[Block, ...]]], ...] = (
    ("study", "Arms compared", _study),
    ("evaluation", "Scores", _evaluation),
    ("splice", "Replacements of the bottleneck", _splice),
    ("rate", "How many numbers it takes", _rate),
    ("analysis", "Inside the bottleneck", _analysis),
    ("figures", "Figures", _figures),
    ("predictions", "Predictions", _predictions),
    ("data", "Data", _data),
)
"""Kind, heading, and what one artefact gives, in the order of the page."""
