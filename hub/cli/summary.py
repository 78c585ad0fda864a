"""What would run with a configuration, told line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.cli.show import span
from hub.cli.words import of_pair, say
from hub.clock import MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.config import Configuration
    from hub.model.response import EscalationPolicy

ON_CALL: Final = "on-call:"
PERSON: Final = "person:"
CHANNELS: Final = {
    "sms": ("{name} (SMS)", "{name}（短信）"),
    "webhook": ("{name} (webhook)", "{name}（网络回调）"),
    "terminal": ("{name} (this terminal)", "{name}（本机终端）"),
}
OTHER_CHANNEL: Final = ("{name} ({kind})", "{name}（{kind}）")


def summary(configuration: Configuration, language: str) -> Iterator[tuple[str, str]]:
    """Yield (phrase key, words) of everything that would run."""
    hub, broker, web = configuration.hub, configuration.broker, configuration.web
    name = of_pair(language, hub.name_en, hub.name_zh)
    yield "hub", say(language, "hub runs", name=name, data=hub.data, zone=hub.zone)
    tls = " TLS" if broker.tls else ""
    yield "broker", f"{say(language, broker.kind)} {broker.host}:{broker.port}{tls}"
    yield "page", f"http://{web.host}:{web.port}/"
    influx = configuration.influx
    yield "store", f"{influx.url} {influx.bucket}" if influx else say(language, "no influx")
    yield from places(configuration, language)
    for rule in configuration.rules:
        count = watched(configuration, rule.name)
        words = say(language, "rule runs", name=rule.name, detector=rule.detector, count=count)
        yield "rule", words
    for policy in configuration.people.policies.values():
        yield "policy", steps(configuration, policy, language)
    for channel in configuration.channels:
        words = of_pair(language, *CHANNELS.get(channel.kind, OTHER_CHANNEL))
        yield "channel", words.format(name=channel.name, kind=channel.kind)
    for mapping in configuration.mappings:
        yield "mapping", f"{mapping.topic} ({mapping.kind}) → {mapping.site}/{mapping.node}"


def places(configuration: Configuration, language: str) -> Iterator[tuple[str, str]]:
    """Yield each site with its cell, who answers for it, and how much hangs there."""
    network, persons = configuration.network, configuration.people.persons
    for site in network.sites.values():
        cell = network.cells[site.cell]
        names = [
            of_pair(language, persons[p].name_en, persons[p].name_zh)
            for p in (cell.responsible, cell.deputy)
        ]
        yield (
            "site",
            say(
                language,
                "site runs",
                site=site.id,
                cell=of_pair(language, cell.name_en, cell.name_zh),
                people=" / ".join(names),
                nodes=sum(1 for place in network.nodes.values() if place == site.id),
                streams=sum(1 for s in network.datastreams.values() if s.site == site.id),
            ),
        )


def steps(configuration: Configuration, policy: EscalationPolicy, language: str) -> str:
    """Return whom a policy tells, step by step, and how long it waits for each."""
    told = (
        say(
            language,
            "step runs",
            whom=" + ".join(called(configuration, whom, language) for whom in step.notify),
            wait=span(round(step.wait_s * MICROSECONDS), language),
        )
        for step in policy.steps
    )
    return f"{policy.name}{say(language, 'colon')}{' → '.join(told)}"


def called(configuration: Configuration, whom: str, language: str) -> str:
    """Return who an entry of ``notify`` is, as people say it."""
    if whom.startswith(ON_CALL):
        return say(language, "on call", roster=whom.removeprefix(ON_CALL))
    person = configuration.people.persons.get(whom.removeprefix(PERSON))
    return of_pair(language, person.name_en, person.name_zh) if person else say(language, whom)


def watched(configuration: Configuration, rule_name: str) -> int:
    """Return how many declared datastreams the rule looks at."""
    rule = next(r for r in configuration.rules if r.name == rule_name)
    return sum(rule.matches(stream) for stream in configuration.network.datastreams.values())
