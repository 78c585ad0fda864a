"""The harness bites: planted bugs apply and are caught; what is not caught is found out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ordeal.bugs import bite
from ordeal.bugs.bite import Bug, Kennel, bugs, chosen, copy_parts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUGS = bugs()
HARMLESS = """bug: another first line | check: {check}
--- a/hub/instant.py
+++ b/hub/instant.py
@@ -1,1 +1,1 @@
-{old}
+{new}
"""
QUICK = "tests/ingest/test_bounds.py::test_touching_is_being_next_to_a_range"


def test_there_are_enough_bugs_and_each_says_what_it_does() -> None:
    """At least forty, each with words of its own and a check that exists."""
    assert len(BUGS) >= 40
    assert len({bug.words for bug in BUGS}) == len(BUGS)
    for bug in BUGS:
        assert bug.checks
        for check in bug.checks:
            file, _, test = check.partition("::")
            text = (bite.ROOT / file).read_text("utf-8")
            assert not test or f"def {test.partition('[')[0]}(" in text, check


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree."""
    target = tmp_path_factory.mktemp("copied") / "tree"
    copy_parts(bite.ROOT, target)
    return target


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_patch_applies(bug: Bug, copied: Path) -> None:
    """A patch that the code has outgrown is a failure."""
    done = bite.run(
        copied, ["git", "apply", "--check", str(bug.file)], GIT_CEILING_DIRECTORIES=str(copied)
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture
def kennel(tmp_path: Path) -> Iterator[Kennel]:
    """Copies to plant bugs in."""
    made = Kennel(tmp_path)
    yield made
    made.close()


def made_up(tmp_path: Path, old: str, new: str) -> Bug:
    """Return a patch of the first line of a file."""
    file = tmp_path / "made-up.patch"
    file.write_text(HARMLESS.format(check=QUICK, old=old, new=new), "utf-8")
    return bite.bug_of(file)


@pytest.mark.slow
def test_a_bug_is_caught_and_only_a_bug(kennel: Kennel, tmp_path: Path) -> None:
    """A real one fails its check; a harmless change, a stale patch and a sick check are told."""
    real = next(bug for bug in BUGS if bug.name == "no-dedup")
    assert kennel.healthy([real]) == {}
    assert kennel.bite(real).caught
    first = (kennel.clean / "hub/instant.py").read_text("utf-8").split("\n", 1)[0]
    harmless = kennel.bite(made_up(tmp_path, first, '"""Another first line.'))
    assert not harmless.caught
    stale = kennel.bite(made_up(tmp_path, "no such line", "x"))
    assert (stale.caught, stale.why.split(":")[0]) == (False, "no longer applies")
    wrong = "tests/ingest/test_bounds.py::test_that_is_not_there"
    assert kennel.healthy([replace(real, checks=(wrong,))]).keys() == {wrong}


def test_some_are_chosen_by_the_seed() -> None:
    """The same seed chooses the same few; another seed others; enough is all."""
    assert chosen(BUGS, 3, 7) == chosen(BUGS, 3, 7)
    assert len(chosen(BUGS, 3, 7)) == 3
    assert len({tuple(b.name for b in chosen(BUGS, 3, seed)) for seed in range(9)}) > 5
    assert chosen(BUGS, 10**6, 1) == BUGS
