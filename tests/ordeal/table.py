"""The verdict as a table for people and as one document for machines."""

from __future__ import annotations

from typing import Any, Final

GOALS: Final = {
    # what is counted: (words, the goal of a 60-minute run, at least or at most)
    "receipted": ("observations with a receipt", 1_000_000, "at least"),
    "lost": ("of them lost", 0, "at most"),
    "kills": ("kills", 200, "at least"),
    "power_cuts": ("power cuts", 2_000, "at least"),
    "incidents": ("incidents", 5_000, "at least"),
    "unnotified": ("incidents that nobody was told of", 0, "at most"),
    "hostile_inputs": ("hostile inputs", 100_000, "at least"),
    "planted": ("planted bugs", 20, "at least"),
    "escaped": ("planted bugs that were not caught", 0, "at most"),
}
ALSO: Final = {
    "notified": "incidents that somebody was told of",
    "sms": "SMS that the provider took",
    "duplicates": "SMS that came twice",
    "crashes": "crashes by hostile input",
}


def document(**whole: Any) -> dict[str, Any]:  # noqa: ANN401  whatever JSON holds
    """Return the whole run as one document, its sums against the goals included."""
    sums = {"unnotified": unnotified(whole["sums"]), **whole["sums"]}
    goals = [
        {
            "what": key,
            "words": words,
            "goal_of_60_minutes": goal,
            "rule": rule,
            "figure": sums.get(key, 0),
            "met": sums.get(key, 0) >= goal if rule == "at least" else sums.get(key, 0) <= goal,
        }
        for key, (words, goal, rule) in GOALS.items()
    ]
    return {**whole, "sums": sums, "goals": goals}


def unnotified(sums: dict[str, float]) -> float:
    """Return how many incidents nobody was told of."""
    return sums.get("incidents", 0) - sums.get("notified", 0)


def markdown(whole: dict[str, Any]) -> str:
    """Return the verdict table, the sums and one sentence that says how it ended."""
    head = (
        f"Seed {whole['seed']}, commit {whole['commit']}, {whole['minutes']:g} minutes asked for, "
        f"{whole['took_s'] / 60:.1f} taken."
    )
    rows = [cells(line) for line in whole["rows"]]
    failed = [line["name"] for line in whole["rows"] if verdict(line) == "FAIL"]
    end = f"FAIL: {', '.join(failed)}" if failed else "Every row passed."
    columns = ("row", "fault", "what was required", "figure", "verdict")
    return "\n\n".join([head, grid(columns, rows), in_all(whole), end]) + "\n"


def cells(line: dict[str, Any]) -> tuple[str, ...]:
    """Return one line of the table."""
    figure = line["figure"] or line["skipped"]
    return str(line["number"]), line["fault"], line["required"], figure, verdict(line)


def verdict(line: dict[str, Any]) -> str:
    """Return pass, FAIL, or skip with its reason."""
    if not line["passed"]:
        return "FAIL"
    return f"skip: {line['skipped']}" if line["skipped"] else "pass"


def in_all(whole: dict[str, Any]) -> str:
    """Return the sums against the goals of a 60-minute run."""
    sums = whole["sums"]
    rows = [
        (g["words"], f"{g['figure']:,.0f}", f"{g['rule']} {g['goal_of_60_minutes']:,}")
        for g in whole["goals"]
    ]
    rows += [(words, f"{sums[key]:,.0f}", "") for key, words in ALSO.items() if key in sums]
    return grid(("in all", "figure", "goal of 60 minutes"), rows)


def grid(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(map(plain, line)) + " |" for line in lines)


def plain(text: str) -> str:
    """Return ``text`` so that it stays in its cell."""
    return text.replace("|", "\\|").replace("\n", " ")
