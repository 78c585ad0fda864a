"""In what order and in what portions many transitions are written, the worst first.

Within a site the order of the log is kept; sites are independent of each other. The
first portion is the shortest that pages for the worst of all, so that its page leaves
while the rest is still being written. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.model.transition import Change, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.model.transition import Transition

FEW: Final = 20  # written together: a second commit would cost more than it gains
MANY: Final = 500  # of one commit, so that other loops get at the store in between
RISING: Final = frozenset({Change.RAISED, Change.WORSENED})

Steps = list["Transition"]


def portions(said: Sequence[Transition], site_of: Callable[[Transition], str]) -> list[Steps]:
    """Return ``said`` in portions, each to be written in one commit; all of it, each once."""
    if len(said) <= FEW:
        return [list(said)]
    heads, rests = split(said, site_of)
    following = [step for part in (*heads[1:], *rests) for step in part]
    chunks = [following[at : at + MANY] for at in range(0, len(following), MANY)]
    return [heads[0], *chunks]


def split(
    said: Sequence[Transition], site_of: Callable[[Transition], str]
) -> tuple[list[Steps], list[Steps]]:
    """Return, by site and the worst site first, what leads to its worst rise, and what follows."""
    sites: dict[str, Steps] = {}
    for step in said:
        sites.setdefault(site_of(step), []).append(step)
    worst_first = sorted(sites.values(), key=lambda steps: -max(map(urgency, steps)))
    ends = [1 + max(range(len(steps)), key=lambda i: urgency(steps[i])) for steps in worst_first]
    heads = [steps[:end] for steps, end in zip(worst_first, ends, strict=True)]
    return heads, [steps[end:] for steps, end in zip(worst_first, ends, strict=True)]


def urgency(step: Transition) -> int:
    """Return how much haste ``step`` needs: 0 unless a danger rises."""
    rises = step.kind is Kind.WORLD and step.change in RISING
    return 1 + step.severity.rank if rises else 0
