"""The Stacked Hourglass (Newell et al., 2016) as wiring: every class here takes finished modules.

The bottleneck and the skips are values that are returned and passed on, never kept in a module: whoever holds them
may look at them, change them, or leave some out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shgae.errors import Refused
from shgae.wording import counted


class Hourglass(nn.Module):
    """Down to the bottleneck and up again, with a named slot, ``graft``, between the two ways.

    Going down, each level keeps a residual of its input as a skip, halves the rest by max-pooling and passes it
    through a residual; the bottleneck residuals follow at the lowest level. Going up, each level doubles its input
    (nearest neighbour) and adds the skip of that size; a residual stands between two levels, none after the last.
    """

    def __init__(
        self,
        *,
        width: int,
        skips: Sequence[nn.Module],
        downs: Sequence[nn.Module],
        bottleneck: nn.Module,
        ups: Sequence[nn.Module],
    ) -> None:
        """Wires finished modules, each from C to C channels at unchanged size.

        Args:
            width: these channels, C.
            skips: one a level, the largest first.
            downs: one a level, after its pooling, the largest first.
            bottleneck: at the lowest level.
            ups: one between each two levels, in the order of the way up: one fewer than levels.
        """
        super().__init__()
        self.width = width
        self.skips = nn.ModuleList(skips)
        self.downs = nn.ModuleList(downs)
        self.bottleneck = bottleneck
        self.graft: nn.Module = nn.Identity()
        self.ups = nn.ModuleList(ups)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> features (N, C, H, W), and what entered the graft on the way: (N, C, 4, 4)."""
        bottleneck, skips = self.encode(x)
        return self.decode(self.graft(bottleneck), skips), bottleneck

    def encode(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """(N, C, H, W) -> bottleneck (N, C, H / 2^levels, W / 2^levels), signed, and each level's skip (N, C, H, W),
        the largest first."""
        skips = []
        for skip, down in zip(self.skips, self.downs, strict=True):
            skips.append(skip(x))
            x = down(F.max_pool2d(x, 2))
        return self.bottleneck(x), tuple(skips)

    def encode_bottleneck(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the bottleneck of :meth:`encode`, bit for bit, without computing the skips."""
        for down in self.downs:
            x = down(F.max_pool2d(x, 2))
        bottleneck: Tensor = self.bottleneck(x)
        return bottleneck

    def decode(self, bottleneck: Tensor, skips: Sequence[Tensor | None]) -> Tensor:
        """Bottleneck (N, C, 4, 4) and skips, the largest first -> (N, C, H, W); a skip of None is switched off."""
        x = _double_and_add(bottleneck, skips[-1])
        for up, skip in zip(self.ups, reversed(skips[:-1]), strict=True):
            x = _double_and_add(up(x), skip)
        return x


def _double_and_add(x: Tensor, skip: Tensor | None) -> Tensor:
    doubled = F.interpolate(x, scale_factor=2, mode="nearest")
    return doubled if skip is None else doubled + skip


class Head(nn.Module):
    """From an hourglass's output to heatmaps, by way of a feature map that the next stack may see too."""

    def __init__(self, *, features: nn.Module, maps: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.maps = maps

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> features (N, C, H, W), and the maps (N, K, H, W) that are made from them."""
        features = self.features(x)
        return features, self.maps(features)


class Merge(nn.Module):
    """Brings a stack's features and maps back to the width of a stack's input (intermediate supervision)."""

    def __init__(self, *, features: nn.Module, maps: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.maps = maps

    def forward(self, features: Tensor, maps: Tensor) -> Tensor:
        """Features (N, C, H, W) and maps (N, K, H, W) -> (N, C, H, W), to be added to the stack's input."""
        merged: Tensor = self.features(features) + self.maps(maps)
        return merged


class StackOutput(NamedTuple):
    """What a stack gives."""

    maps: Tensor
    """(N, K, H, W): one heatmap a keypoint."""
    next_input: Tensor
    """(N, C, H, W): what the next stack starts from."""
    bottleneck: Tensor
    """(N, C, 4, 4): what entered the graft."""


class Stack(nn.Module):
    """One hourglass with its head, and the merge into the input of the next stack; the last stack has none."""

    def __init__(self, *, hourglass: Hourglass, head: Head, merge: Merge | None) -> None:
        super().__init__()
        self.hourglass = hourglass
        self.head = head
        self.merge = merge

    def forward(self, x: Tensor) -> StackOutput:
        """(N, C, H, W) -> maps (N, K, H, W), the next stack's input (N, C, H, W), bottleneck (N, C, 4, 4)."""
        features, bottleneck = self.hourglass(x)
        return StackOutput(*self.predict(features, x), bottleneck)

    def predict(self, features: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The hourglass's features and the stack's input, both (N, C, H, W) -> maps (N, K, H, W), and the next stack's
        input (N, C, H, W)."""
        seen, maps = self.head(features)
        return maps, x if self.merge is None else x + self.merge(seen, maps)


class StackState(NamedTuple):
    """Where a network stands at the bottom of one of its stacks."""

    stack: int
    """Which, counted from 0."""
    stack_input: Tensor
    """(N, C, H, W): what the stack started from."""
    bottleneck: Tensor
    """(N, C, 4, 4): what enters the graft."""
    skips: tuple[Tensor | None, ...]
    """The skip connections (N, C, H, W), the largest first; one of None is switched off on the way up."""


class StackedHourglass(nn.Module):
    """The whole network: a stem and S >= 1 stacks, each of which predicts every heatmap."""

    def __init__(self, *, stem: nn.Module, stacks: Sequence[Stack]) -> None:
        super().__init__()
        self.stem = stem
        self.stacks = nn.ModuleList(stacks)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W), RGB in [0, 1] minus the training mean -> maps (N, S, K, H / 4, W / 4)."""
        return torch.stack([output.maps for output in self.passes(images)], dim=1)

    def passes(self, images: Tensor) -> Iterator[StackOutput]:
        """Images (N, 3, H, W) -> what each stack gives, one after another; a stack runs when it is asked for."""
        x = self.stem(images)
        for stack in self.stacks:
            output: StackOutput = stack(x)
            yield output
            x = output.next_input

    def descend(self, images: Tensor, stack: int = -1) -> StackState:
        """Images (N, 3, H, W) -> the bottom of one stack; raises Refused if there is no such stack."""
        index = self._index(stack)
        x = self.stem(images)
        for earlier in self.stacks[:index]:
            x = earlier(x).next_input
        return StackState(index, x, *self.hourglass(index).encode(x))

    def ascend(self, descent: StackState, bottleneck: Tensor, skips: bool = True) -> Tensor:
        """From the bottom of a stack to the maps (N, K, H / 4, W / 4) of the last one.

        With what the graft makes of ``descent.bottleneck`` these are the last maps of :meth:`forward`, bit for bit.

        Args:
            descent: what :meth:`descend` gave.
            bottleneck: (N, C, 4, 4) what the way up starts from: nothing is grafted in between.
            skips: whether this stack's skip connections are on; other stacks keep theirs.
        """
        hourglass = self.hourglass(descent.stack)
        features = hourglass.decode(bottleneck, descent.skips if skips else (None,) * len(descent.skips))
        maps, x = cast(Stack, self.stacks[descent.stack]).predict(features, descent.stack_input)
        for later in self.stacks[descent.stack + 1 :]:
            maps, x, _ = later(x)
        return maps

    def bottleneck(self, images: Tensor, stack: int = -1) -> Tensor:
        """Images (N, 3, H, W) -> what enters the graft of one stack: (N, C, 4, 4); see :meth:`bottlenecks`."""
        return self.bottlenecks(images, (stack,))[0]

    def bottlenecks(self, images: Tensor, stacks: Sequence[int]) -> tuple[Tensor, ...]:
        """Images (N, 3, H, W) -> what enters the graft of each of these stacks: (N, C, 4, 4) each.

        Computes nothing that the result does not need: of the last of them neither skips nor decoder nor head, and no
        later stack. Equals the values inside :meth:`forward` bit for bit.

        Raises:
            Refused: there is no such stack.
        """
        wanted = [self._index(stack) for stack in stacks]
        found: dict[int, Tensor] = {}
        x = self.stem(images)
        for index in range(max(wanted)):
            output: StackOutput = self.stacks[index](x)
            found[index], x = output.bottleneck, output.next_input
        found[max(wanted)] = self.hourglass(max(wanted)).encode_bottleneck(x)
        return tuple(found[index] for index in wanted)

    def hourglass(self, stack: int = -1) -> Hourglass:
        """The hourglass of one stack, counted from 0, or from the end if negative; raises Refused."""
        return cast(Stack, self.stacks[self._index(stack)]).hourglass

    def _index(self, stack: int) -> int:
        count = len(self.stacks)
        if not -count <= stack < count:
            why = f"it has {counted(count, 'stack')}, counted from 0"
            raise Refused(f"stack {stack}", "the network", why, f"stack={count - 1}")
        return stack % count
