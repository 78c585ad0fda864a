"""What a row collects: everything that is wrong, and how it becomes a verdict."""

from __future__ import annotations

from dataclasses import dataclass, field

from ordeal.verdict import Verdict


@dataclass(slots=True)
class Findings:
    """All that is wrong, in words."""

    wrong: list[str] = field(default_factory=list)

    def expect(self, holds: bool, words: str) -> None:
        """Note ``words`` unless it holds."""
        if not holds:
            self.wrong.append(words)

    def verdict(self, figure: str, **numbers: float) -> Verdict:
        """Return the verdict: passed where nothing is wrong."""
        said = "; ".join(self.wrong[:4])
        return Verdict(
            figure=f"{figure}; WRONG: {said}" if self.wrong else figure,
            passed=not self.wrong,
            numbers=numbers,
        )
