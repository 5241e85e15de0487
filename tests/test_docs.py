"""The README and docs/ are true: links, pictures, commands, options, tables and tree are those of the program."""

from __future__ import annotations

import ast
import re
from typing import Any

from shgae.analysis.latent.report import ANALYSIS_REPORT
from shgae.analysis.rate.report import RATE_REPORT
from shgae.analysis.splice.report import SPLICE_REPORT
from shgae.artifacts.typed_json import Schema
from shgae.cli.app import command_tree
from shgae.cli.commands import COMMANDS
from shgae.cli.fields import stages
from shgae.config import fields_of
from shgae.evaluation.report import EVALUATION
from shgae.evaluation.study_report import STUDY
from shgae.recipes import RECIPES
from tests import mutants, promises, simulations
from tests.benchmarks import gpu_page, table
from tests.builders.pages import LANGUAGES, ROOT, Page, coded, page, pages

PAGES = pages()
README = PAGES[0]
GROUP = command_tree()
LONGEST_README = 150
AVOIDED = ("anew", "alike", "whose", "beside", "behind", "is no finite", "four times out of five")
"""Words and phrases that have a plainer one."""
STAGES_MEANT = {
    "train": "train",
    "finetune": "finetune",
    "study": "study",
    "predict": "predict",
    "autoencoder": "pretrain_ae",
}
"""What a word in a bracket after an option in the table of recipes means."""
SCHEMAS: dict[str, Schema[Any]] = {
    **{"evaluate": EVALUATION, "study": STUDY},
    **{"splice": SPLICE_REPORT, "rate": RATE_REPORT, "analyze": ANALYSIS_REPORT},
}


def options_of(name: str) -> set[str]:
    shown = [one for one in GROUP.commands[name].params if not one.hidden]
    return {flag for one in shown for flag in (*one.opts, *one.secondary_opts)} | {"-h", "--help"}


def resolved(source: Page, link: str) -> tuple[Any, str]:
    target, _, anchor = link.partition("#")
    return ((source.path.parent / target).resolve() if target else source.path), anchor


def test_the_readme_is_short() -> None:
    assert README.text.count("\n") <= LONGEST_README


def test_every_block_has_a_language_that_says_what_tests_do_with_it() -> None:
    assert [(one.name, language) for one in PAGES for language, _ in one.blocks if language not in LANGUAGES] == []


def test_every_link_and_anchor_resolves() -> None:
    broken = []
    for source in PAGES:
        for link in source.links:
            if "://" in link:
                continue
            path, anchor = resolved(source, link)
            if not path.exists() or (anchor and anchor not in Page(path).anchors):
                broken.append((source.name, link))
    assert broken == []


def test_every_page_and_every_picture_of_docs_is_linked_and_shown() -> None:
    linked = {resolved(README, link)[0] for link in README.links}
    assert {one.path for one in PAGES[1:]} <= linked
    shown = {resolved(one, picture)[0] for one in PAGES for picture in one.pictures}
    assert shown == {path for path in (ROOT / "docs").rglob("*") if path.suffix in (".png", ".jpg", ".svg")}


def test_every_command_is_named() -> None:
    everything = "\n".join(one.text for one in PAGES)
    assert [one.name for one in COMMANDS if not re.search(rf"shgae {one.name}(?![\w-])", everything)] == []


def test_every_command_line_names_commands_and_options_that_exist() -> None:
    wrong = []
    for source in PAGES:
        typed = source.commands("bash", "sh") + [text.split() for text in source.coded if text.startswith("shgae ")]
        for words in typed:
            if words[0] != "shgae" or words[1:2] == ["COMMAND"]:
                continue
            unknown = {word for word in words if re.match(r"--?[a-z]", word)} - options_of(words[1])
            wrong += [(source.name, *words[:2], flag) for flag in sorted(unknown)]
    assert wrong == []


def test_every_command_line_that_is_not_run_is_taken_by_the_parser_of_its_command() -> None:
    """It names files that are there for its reader only, and takes minutes or a cluster."""
    lines = [words for one in PAGES for words in one.commands("sh") if "shgae" in words[:2]]
    assert len(lines) > 20
    for words in lines:
        words = words[words.index("shgae") + 1 :]
        name, *rest = words[: words.index(">") if ">" in words else None]
        GROUP.commands[name].make_context(name, rest).close()


def test_the_page_of_artefacts_names_the_schema_of_each_report() -> None:
    found = re.findall(r"(\d) for `([a-z]+)`", page("artifacts").text)
    assert {name: int(version) for version, name in found} == {name: one.version for name, one in SCHEMAS.items()}


def test_every_option_that_is_named_anywhere_exists() -> None:
    known = set().union(*(options_of(command.name) for command in COMMANDS))
    of_others = ("torchrun --nnodes", "#SBATCH", "sbatch", "pip install")
    lines = [(one.name, line) for one in PAGES for line in one.text.splitlines() if not line.startswith(of_others)]
    named = [(name, flag) for name, line in lines for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", line)]
    assert len(named) > 100
    assert [(name, flag) for name, flag in named if flag not in known] == []


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    typed = {words[1] for one in PAGES for words in one.commands("bash", "sh") if words[0] == "make"}
    typed |= {text.split()[1] for one in PAGES for text in one.coded if text.startswith("make ")}
    assert {"demo", "test", "bench", "torture", "mutants"} <= typed <= targets


def test_make_writes_its_tables_into_pages_that_have_their_marks() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    marks = {
        "torture": ("reliability", (promises.BEGIN, promises.END)),
        "mutants": ("reliability", mutants.MARKS),
        "bench": ("performance", table.MARKS),
        "gpu": ("performance", gpu_page.MARKS),
        "simulations": ("statistics", simulations.MARKS),
    }
    for target, (name, its) in marks.items():
        recipe = makefile.partition(f"\n{target}:")[2].partition("\n\n")[0]
        assert f" docs/{name}.md" in recipe
        assert f"{its[0]}\nrows\n{its[1]}" in promises.put_into(page(name).text, "rows", its)


def test_what_the_recipes_differ_in_is_what_the_table_says() -> None:
    for options, original, improved, _ in page("recipes").rows("What the recipes differ in"):
        bracket = re.search(r"\((.*)\)$", options)
        names = {option.strip("-") for option in coded(options)}
        having = [stage for stage, config in stages().items() if names <= {one.option for one in fields_of(config)}]
        for recipe, values in (("original", original), ("improved", improved)):
            for option, value in zip(coded(options), values.split(", "), strict=True):
                for stage in [STAGES_MEANT[word] for word in bracket[1].split(", ")] if bracket else having:
                    config = getattr(RECIPES[recipe], stage)  # type: ignore[index]
                    assert _same(getattr(config, option.strip("-").replace("-", "_")), value), (recipe, stage, option)


def _same(value: object, said: str) -> bool:
    if isinstance(value, bool):
        return said == ("yes" if value else "no")
    return float(said) == value if isinstance(value, float) else said == value


def test_the_tree_of_the_readme_is_the_real_one() -> None:
    lines = next(text for _, text in README.blocks if text.startswith("shgae/\n")).splitlines()
    inside = [name for line in lines if line.startswith("  ") for name in line.strip().partition("  ")[0].split()]
    outside = [line.partition(" ")[0] for line in lines if not line.startswith(" ")]
    assert [name for name in outside if not (ROOT / name).is_dir()] == []
    rooms = {f"{path.parent.name}/" for path in (ROOT / "shgae").glob("*/__init__.py")}
    assert sorted(inside) == sorted(rooms | {path.name for path in (ROOT / "shgae").glob("[!_]*.py")})


def test_the_pages_are_in_plain_words() -> None:
    found = []
    for one in PAGES:
        text = " ".join(re.sub(r"`[^`]*`", "", one.written_by_hand).split())
        found += [(one.name, word) for word in AVOIDED if re.search(rf"\b{word}\b", text)]
    for path in sorted((ROOT / "shgae").rglob("*.py")):
        said = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
        text = " ".join(re.sub(r"`+[^`]*`+", "", one) for one in said if isinstance(one, str))
        found += [(path.name, word) for word in AVOIDED if re.search(rf"\b{word}\b", text)]
    assert found == []
