"""Where everything on a page comes from, and how each part of it was made."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.artifacts.command_line import shown
from shgae.artifacts.disk_space import readable
from shgae.artifacts.lineage import found
from shgae.artifacts.manifest import Parent
from shgae.reporting.names import options_named
from shgae.reporting.page.html import Block, Details, Drawing, FactList, Item, Items, Section, Text
from shgae.reporting.page.inputs import Given, told_apart
from shgae.reporting.page.lineage_graph import FamilyMember, layout
from shgae.reporting.table import Grid
from shgae.wording import counted

_MOST_DRAWN = 24
"""Artefacts; of more, boxes and lines could not be followed."""
_MOST_FILES = 60
"""Of one artefact, in the table of its files."""


@dataclass(frozen=True)
class _Known:
    """An artefact, given or an ancestor of one."""

    name: str
    path: Path
    kind: str
    id: str
    parents: tuple[Parent, ...]
    provenance: Mapping[str, Any]
    """Empty where the artefact is gone."""
    given: bool

    @property
    def anchor(self) -> str:
        return f"from-{self.id[:12]}"


def lineage(given: Sequence[Given]) -> Section:
    """Every artefact and its ancestors: drawn where that helps, and listed."""
    known = _everybody(given)
    listed = Items(tuple(_item(one, known) for one in known.values()))
    if len(known) > _MOST_DRAWN:
        return Section("lineage", "Where it comes from", (Details(f"{len(known)} artefacts, oldest first", (listed,)),))
    members = [
        FamilyMember(one.anchor, one.name, f"{one.kind} {one.id[:6]}", tuple(f"from-{p.id[:12]}" for p in one.parents))
        for one in known.values()
    ]
    label = f"{len(members)} artefacts and which was made from which; the list below says the same in words"
    drawing = Drawing(layout(members), label)
    how = "From left to right; a line that others imply is left out."
    blocks: tuple[Block, ...] = (drawing, Text(how, "note"), Details("The same as a list, oldest first", (listed,)))
    return Section("lineage", "Where it comes from", blocks)


def made(given: Sequence[Given]) -> Section:
    """Of each artefact command, time, versions, options and the hash of every file."""
    return Section("made", "How it was made", tuple(_details(one) for one in given))


def command_of(provenance: Mapping[str, Any]) -> str:
    """The command line that made an artefact."""
    words = [str(word) for word in provenance.get("command", ())]
    return shown(words) if words else ""


def _everybody(given: Sequence[Given]) -> dict[str, _Known]:
    """By id, parents before children."""
    known: dict[str, _Known] = {}
    by_id = {one.artifact.id: one for one in given}

    def add_ancestors(parents: Sequence[Parent], child: Path) -> None:
        for parent in parents:
            path = Path(os.path.realpath(child / parent.path))
            add_ancestors(parent.parents, path)
            if parent.id in known:
                continue
            if parent.id in by_id:
                known[parent.id] = _as_known(by_id[parent.id])
            else:
                artifact = found(parent, child)
                provenance = artifact.manifest.provenance if artifact else {}
                known[parent.id] = _Known(path.name, path, parent.kind, parent.id, parent.parents, provenance, False)

    for one in given:
        add_ancestors(one.artifact.manifest.parents, one.artifact.path)
        known.setdefault(one.artifact.id, _as_known(one))
    names = told_apart({identity: one.path for identity, one in known.items()})
    # Those that were given keep the name that the rest of the page calls them by.
    return {
        identity: one if one.given else dataclasses.replace(one, name=names[identity])
        for identity, one in known.items()
    }


def _as_known(one: Given) -> _Known:
    manifest = one.artifact.manifest
    return _Known(
        one.name, one.artifact.path.resolve(), one.kind, one.artifact.id, manifest.parents, manifest.provenance, True
    )


def _item(one: _Known, known: Mapping[str, _Known]) -> Item:
    when = _date(one.provenance)
    where = "" if one.given or one.provenance else "; no longer where its child saw it"
    links = tuple((parent.role, f"from-{parent.id[:12]}", known[parent.id].name) for parent in one.parents)
    command = command_of(one.provenance)
    words = f"{one.kind} {one.id[:12]}{f', made {when}' if when else ''}{where}"
    return Item(one.anchor, one.name, (words,), (command,) if command else (), links)


def _date(provenance: Mapping[str, Any]) -> str:
    return str(provenance.get("created", "")).replace("T", " ").replace("+00:00", " UTC")


def _details(one: Given) -> Details:
    manifest = one.artifact.manifest
    size = sum(entry.size for entry in manifest.files.values())
    provenance = manifest.provenance
    versions = ", ".join(f"{name} {number}" for name, number in sorted(provenance.get("versions", {}).items()))
    pairs = (
        ("command", command_of(provenance) or "not recorded"),
        ("id", manifest.id),
        ("made", _date(provenance) or "not recorded"),
        ("device", str(provenance.get("device", "not recorded"))),
        ("versions", versions or "not recorded"),
        ("folder", str(one.artifact.path)),
        ("size", f"{readable(size)} in {counted(len(manifest.files), 'file')}"),
    )
    named = options_named(one.kind, manifest.config)
    options = tuple((name, _spelled(value)) for name, value in sorted(named.items()))
    blocks: list[Block] = [FactList(pairs, ("command", "id", "folder"))]
    if options:
        blocks += [Text("With these options:"), FactList(options, dense=True)]
    blocks.append(_files(one))
    what = "" if one.name == one.kind else f": {one.kind}"
    return Details(f"{one.name}{what} {one.artifact.short_id}", tuple(blocks))


def _files(one: Given) -> Grid:
    entries = sorted(one.artifact.manifest.files.items(), key=lambda item: (item[0] not in one.checked, item[0]))
    rows = tuple(
        (name, f"{entry.size:,}", "yes" if name in one.checked else "no", entry.sha256)
        for name, entry in entries[:_MOST_FILES]
    )
    notes = [f"and {len(entries) - _MOST_FILES:,} more, in its manifest.json"] if len(entries) > _MOST_FILES else []
    notes.append("hashed again: computed for this page, and as the manifest says; the others are only quoted")
    return Grid("Files", ("file", "bytes", "hashed again", "sha256"), rows, "\n".join(notes), words=("sha256",))


def _spelled(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
