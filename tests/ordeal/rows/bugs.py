"""The row that proves that the harness bites: planted bugs, each caught by the check it names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from ordeal.bugs.bite import bite_all, bugs, chosen, line_of
from ordeal.verdict import Given, Verdict

EACH_S: Final = 6.0  # real seconds that one bug takes, about, when all are tried
FEW_S: Final = 20.0  # and when few are: each check is first run without its bug
LEAST: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BugsRow:
    """All planted bugs where the row's share allows, else a few by the seed."""

    name: str = "planted-bugs"
    number: int = 39
    fault: str = "bugs planted into copies of the shipped code"
    required: str = "each is caught by the check it names; every patch still applies"
    weight: float = 6.0

    def __call__(self, given: Given) -> Verdict:
        """Plant and check them one after the other."""
        if given.influxd:
            os.environ.setdefault("TOCSIN_INFLUXD", given.influxd)
        every = bugs()
        few = max(LEAST, int(given.seconds / FEW_S))
        fit = len(every) if given.seconds >= EACH_S * len(every) else few
        bites = bite_all(chosen(every, fit, given.seed), given.folder, given.say)
        (given.folder / "bugs.txt").write_text("\n".join(map(line_of, bites)), "utf-8")
        caught = sum(bite.caught for bite in bites)
        missed = ", ".join(bite.bug.name for bite in bites if not bite.caught)
        return Verdict(
            figure=f"{caught} of {len(bites)} caught (of {len(every)})"
            + (f"; not: {missed}" if missed else ""),
            passed=bool(bites) and caught == len(bites),
            numbers={"planted": len(bites), "escaped": len(bites) - caught},
        )


BUGS: Final = BugsRow()
