"""What a study may conclude, and what it may not."""

from __future__ import annotations

from collections.abc import Sequence

from shgae.artifacts.store import open_artifact
from shgae.experiments.study.plan import ARMS, BASELINE, Plan
from shgae.experiments.study.report import TOO_FEW, Difference, signed_points
from shgae.metrics.pck import GROUPS
from shgae.wording import counted, counted_people


def cautions(plan: Plan, found: Sequence[Difference]) -> tuple[str, ...]:
    """What a reader of the numbers must know and the sentence does not say."""
    config, said = plan.config, ["There is one parent: from another baseline the answer may be another."]
    more = next((one.groups["all"] for one in found if (one.arm, one.minus) == ("a", BASELINE)), None)
    if more is not None and more.high < 0:
        lost = f"{-100 * more.value:.1f} points ({-100 * more.high:.1f} to {-100 * more.low:.1f})"
        so = "so the arms may differ in what they lost, not in what they won"
        said.insert(0, f"Arm a ended {lost} below its parent: these epochs cost more than they gave, {so}.")
    networks = [open_artifact(plan.finetuned(arm, seed), verify=False) for arm in plan.arms for seed in plan.seeds]
    devices = sorted({str(network.manifest.provenance["device"]) for network in networks})
    if len(devices) > 1:
        said.append(f"The arms were not all fine-tuned on one device: {'; '.join(devices)}.")
    if {"d", "e"} & set(plan.arms):
        before = f"arms d and e had {config.ae_epochs} epoch{'s' * (config.ae_epochs != 1)} of pre-training before"
        said.append(f"The equal budget is that of fine-tuning; {before}.")
    if plan.split == "val":
        said.append("There is no test split: the people compared on also chose the best epoch of every arm.")
    if config.limit:
        said.append(f"Of each split only the first {counted_people(config.limit)}.")
    if config.seeds == 1:
        said.append("Seeds were not varied: the intervals are over photos alone.")
    else:
        said.append("What is said goes by the interval that allows for both: other photos and other seeds.")
    if len(plan.arms) > 2:
        said.append("The intervals are 95 % each, not together: of many differences, some exclude zero by chance.")
    return tuple(said)


def conclude(differences: Sequence[Difference], persons: int, seeds: int) -> str:
    """One sentence: what may be said of the first fair difference, and what not."""
    fair = [one for one in differences if one.fair]
    first = fair[0].groups[GROUPS[0]] if fair else None
    if first is None:
        return f"Nothing may be concluded: {TOO_FEW if fair else 'no two arms were compared'}."
    arm, minus = fair[0].arm, fair[0].minus
    scored = f"arm {arm} ({ARMS[arm]}) scored {signed_points(first.value)} than arm {minus} ({ARMS[minus]})"
    where = f"on {counted_people(persons)} and {counted(seeds, 'seed')}"
    ends = f"{100 * first.low:+.1f} to {100 * first.high:+.1f}"
    sure = f"the 95 % interval over photos{' and seeds' if first.over_seeds else ''}, {ends},"
    varied = "" if seeds > 1 else "; seeds were not varied, so what another seed would change is unknown"
    if first.is_nothing:
        return f"Not shown to matter: arm {arm} and arm {minus} scored alike on every photo, {where}{varied}."
    if not first.excludes_zero:
        reach = f"a true difference of {100 * first.smallest_to_show:.1f} points would be found four times out of five"
        missed = f"{sure} includes zero; in a study of this size {reach}, a smaller one less often"
        return f"Not shown to matter: {scored}, {where}; {missed}{varied}."
    verdict = (
        f"{'More' if first.value > 0 else 'Less'} than {'chance' if seeds > 1 else 'the choice of people'} explains"
    )
    but = _unless_the_pretraining(differences) if (arm, minus) == ("e", "a") and first.value > 0 else ""
    return f"{verdict}: {scored}, {where}; {sure} excludes zero{but}{varied}."


def _unless_the_pretraining(differences: Sequence[Difference]) -> str:
    """What a gain of e over a does not show."""
    other = next((one.groups[GROUPS[0]] for one in differences if (one.arm, one.minus) == ("e", "b")), None)
    if other is None or (other.excludes_zero and other.value > 0):
        return ""
    return "; but it did no better than a random autoencoder beyond chance, so the pre-training is not shown to matter"
