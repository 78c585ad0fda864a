"""What an import graph cannot see: no clock, no dice, no state at module level."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HUB = Path(__file__).parents[2] / "hub"
EDGE = Path(__file__).parents[2] / "edge" / "tocsin_edge"
PURE = ("model", "detect", "incident")
OUTSIDE = {"now", "utcnow", "today", "now_us", "monotonic", "random", "sleep", "print", "open"}
MUTABLE = (ast.List, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp)
MAKERS = {"list", "set", "dict", "defaultdict", "deque", "Counter"}


def files(*folders: Path) -> list[Path]:
    """Return the Python files below ``folders``."""
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


@pytest.mark.parametrize("path", files(*(HUB / name for name in PURE)), ids=str)
def test_no_clock_no_dice(path: Path) -> None:
    """No call in a pure module has a name that reaches outside."""
    tree = ast.parse(path.read_text("utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {getattr(f, "attr", getattr(f, "id", "")) for f in calls}
    assert not names & OUTSIDE


@pytest.mark.parametrize("path", files(HUB, EDGE), ids=str)
def test_no_state_at_module_level(path: Path) -> None:
    """A module holds constants, registries and definitions: nothing that grows."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(getattr(target, "id", "") == "__all__" for target in targets):
            continue
        assert not isinstance(node.value, MUTABLE), f"line {node.lineno}"
        if isinstance(node.value, ast.Call):
            made = getattr(node.value.func, "id", getattr(node.value.func, "attr", ""))
            assert made not in MAKERS, f"line {node.lineno}"
