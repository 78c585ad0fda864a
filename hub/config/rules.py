"""rules.toml: which detector looks at which datastreams. Kinds are checked where they are built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.config.hubfile import check_option
from hub.model.network import Hazard, Severity
from hub.model.rule import Rule

if TYPE_CHECKING:
    from hub.config.table import Table
    from hub.model.rule import Option


def read_rules(top: Table) -> list[tuple[Rule, Table]]:
    """Return the rules, each with its table for later complaints."""
    rules = [(read_rule(table), table) for table in top.tables("rule", required=True)]
    top.close()
    return rules


def read_rule(table: Table) -> Rule:
    """Return one table ``[[rule]]``."""
    rule = Rule(
        name=table.name("name"),
        detector=table.name("detector"),
        site=table.text("site", "*"),
        node=table.text("node", "*"),
        datastream=table.text("datastream", "*"),
        observed_property=table.text("observed_property", "*"),
        severity=table.word("severity", Severity, Severity.MODERATE),
        hazard=read_hazard(table),
        options=read_options(table.table("options")),
    )
    table.close()
    return rule


def read_hazard(table: Table) -> Hazard | None:
    """Return the hazard that is written, or None for the datastream's own."""
    return table.word("hazard", Hazard, Hazard.OTHER) if table.has("hazard") else None


def read_options(table: Table) -> dict[str, Option]:
    """Return a detector's own settings as they stand."""
    checked = {key: check_option(table, key, value) for key, value in table.rest().items()}
    return {key: value for key, value in checked.items() if value is not None}
