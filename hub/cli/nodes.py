"""``tocsin nodes`` and ``tocsin accept-node``: who speaks from where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.cli.act import whoami
from hub.cli.place import clock_of, opened
from hub.cli.refusals import NEVER_SPOKE, NO_SITE
from hub.cli.show import columns, print_json, span
from hub.cli.words import say
from hub.config import read_config
from hub.config.problems import did_you_mean
from hub.errors import ConfigError
from hub.store.log import Log
from hub.words import Words

if TYPE_CHECKING:
    import argparse

    from hub.cli.parsers import Commands
    from hub.store.log import NodeRow


def add(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add the parsers of this family."""
    lists = commands.add_parser(
        "nodes", parents=[shared], help=Words("list nodes and how they are", "列出各节点及其状态")
    )
    lists.add_argument(
        "--json", action="store_true", help=Words("one JSON array", "输出一个 JSON 数组")
    )
    lists.set_defaults(run=nodes)
    words = Words(
        "let a node speak from another site: until then it is quarantined",
        "允许节点改属另一站点；在此之前其消息被隔离",
    )
    accept = commands.add_parser("accept-node", parents=[shared], help=words)
    accept.add_argument("node", metavar="NODE", help=Words("which node", "节点名"))
    accept.add_argument("site", metavar="SITE", help=Words("its new site", "新站点"))
    accept.add_argument(
        "--by", default=whoami(), help=Words("who decides it (you)", "由谁决定（默认为你）")
    )
    accept.set_defaults(run=accept_node)


def nodes(args: argparse.Namespace) -> int:
    """List every node that ever spoke, with its last state and its clock's error."""
    configuration = read_config(args.config)
    with opened(configuration) as connection:
        found, now_us = Log(connection).nodes(), clock_of(connection).now_us()
    if args.json:
        print_json(found)
        return 0
    for line in columns([row(node, now_us, args.lang) for node in found]):
        print(line)
    return 0


def row(node: NodeRow, now_us: int, language: str) -> tuple[str, ...]:
    """Return one node as columns."""
    online = say(language, "online" if node.state.get("online") else "offline")
    age = "" if node.state_us is None else span(now_us - node.state_us, language)
    queue = node.state.get("queue")
    waiting = "" if queue is None else say(language, "in spool", count=queue)
    clock = "" if not node.clock_s else say(language, "clock off", seconds=node.clock_s)
    return node.name, node.site, online, age, waiting, clock


def accept_node(args: argparse.Namespace) -> int:
    """Move a node to a site, as a person decided; intake sees it with its next message."""
    configuration = read_config(args.config)
    sites = configuration.network.sites
    if args.site not in sites:
        raise ConfigError(args.site, NO_SITE.filled(near=did_you_mean(args.site, sites)))
    with opened(configuration) as connection:
        log, clock = Log(connection), clock_of(connection)
        known = {node.name for node in log.nodes()}
        if args.node not in known:
            near = did_you_mean(args.node, known)
            raise ConfigError(args.node, NEVER_SPOKE.filled(near=near))
        log.move_node(args.node, args.site, args.by, clock.now_us())
    print(say(args.lang, "moved", node=args.node, site=args.site))
    return 0
