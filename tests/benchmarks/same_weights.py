"""A network of ours in the textbook's form: the same weights, so that outputs can be compared and not only times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from shgae.models.hourglass import StackedHourglass
from tests.benchmarks import textbook

Pairs = Iterator[tuple[nn.Module, nn.Module]]


def in_textbook_form(model: StackedHourglass, keypoints: int = 17) -> textbook.Network:
    """A textbook network with the weights and statistics of one stack of original residuals without graft."""
    theirs = textbook.Network(keypoints, model.hourglass().width).train(model.training)
    copied = 0
    for source, target in _network(model, theirs):
        target.load_state_dict(source.state_dict())
        copied += sum(parameter.numel() for parameter in target.parameters())
    if copied != sum(parameter.numel() for parameter in theirs.parameters()):
        raise AssertionError("not every weight of the textbook's has a partner of ours")
    return theirs


def _network(ours: Any, theirs: Any) -> Pairs:
    stem, head = ours.stem, ours.stacks[0].head
    yield from ((stem.conv, theirs.stem[0]), (stem.bn, theirs.stem[1]))
    for source, place in ((stem.before_pool, 3), (stem.after_pool[0], 5), (stem.after_pool[1], 6)):
        yield from _residual(source, theirs.stem[place])
    hourglass, level = ours.hourglass(), theirs.hourglass
    for skip, down, up in zip(hourglass.skips, hourglass.downs, (*reversed(hourglass.ups), None), strict=True):
        yield from (*_residual(skip, level.skip), *_residual(down, level.down))
        if up is not None:
            yield from _residual(up, level.up)
            level = level.inner
    for source, target in zip(hourglass.bottleneck, level.inner, strict=True):
        yield from _residual(source, target)
    yield from _residual(head.features, theirs.head[0])
    for place in (0, 1, 3):
        yield head.maps[place], theirs.head[place + 1]


def _residual(ours: Any, theirs: Any) -> Pairs:
    for name, place in (("bn1", 0), ("conv1", 2), ("bn2", 3), ("conv2", 5), ("bn3", 6), ("conv3", 8)):
        yield ours.get_submodule(name), theirs.branch[place]
    yield ours.get_submodule("shortcut"), theirs.shortcut
