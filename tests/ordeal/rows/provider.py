"""Rows 17 to 19 and 21: a provider that refuses, is slow, is overrun, or never delivers."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.demo.toml import to_toml
from ordeal.world.check import Findings
from ordeal.world.lab import BREACH, Lab, Node, gauge, give_hooks, patch_policies, site

if TYPE_CHECKING:
    from hub.demo.scene import Scene
    from ordeal.oracle import Message
    from ordeal.verdict import Given, Verdict

WAIT_S: Final = 12.0  # until the next step
RECEIPT_S: Final = 4.0  # until the next channel of the same person
TIMEOUT_S: Final = 3.0  # of a call to the provider
LATE_S: Final = 5.0
NEXT_S: Final = 10.0
BACK_OFF_S: Final = 60.0  # the longest pause between two attempts
LANES: Final = 4  # calls to the provider at once: so many may be on their way already
OFF_S: Final = 1.0  # how wrong a timer may be
AROUND_S: Final = 14.0
SEVERITIES: Final = ("moderate", "severe", "extreme")
SPELL_S: Final = 9.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What was seen: the lab, when each place went over danger, and what phones got since."""

    lab: Lab
    began_s: dict[str, float]

    def messages(self, name: str) -> list[Message]:
        """Return what reached anybody about the place ``name``, the soonest first."""
        notes = {told.id for told in self.lab.told() if told.site == name}
        return sorted((m for m in self.lab.phones() if m.note in notes), key=lambda m: m.at_s)

    def after_s(self, name: str, kind: str) -> list[float]:
        """Return how long after its danger messages of ``kind`` about ``name`` went out."""
        return [m.at_s - self.began_s[name] for m in self.messages(name) if m.kind == kind]

    def again(self) -> int:
        """Return how many notifications a phone got more than once."""
        return sum(n - 1 for n in self.lab.sms_of(self.lab.told()).values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Dangers at one place after the other while the provider misbehaves as ``order`` says."""

    name: str
    number: int
    fault: str
    required: str
    order: dict[str, object]
    judge: Callable[[Play, Findings, float], str]
    weight: float = 0.5

    def __call__(self, given: Given) -> Verdict:
        """Let places go over danger and see who was called, when and how often."""
        found = Findings()
        count = max(int((given.seconds - AROUND_S) / 2), 6)
        names = [f"lab-{n}" for n in range(count)]
        places = [
            site(name, [gauge(severity=SEVERITIES[n % 3])], place=n) for n, name in enumerate(names)
        ]
        with Lab(given.folder / "lab", places, edit=edit) as lab:
            nodes = [Node(lab, name, f"{name}-0") for name in names]
            spell_s = max(given.seconds - AROUND_S, SPELL_S)
            lab.order(**self.order, door="sms", for_s=spell_s)
            ends_s, play = time.time() + spell_s, Play(lab=lab, began_s={})
            for node in nodes:
                play.began_s[node.site] = time.time()
                node.say(BREACH)
                time.sleep(spell_s / 2 / count)
            lab.until(lambda: time.time() >= ends_s, spell_s)
            done = lambda: all(play.messages(name) for name in names)  # noqa: E731
            lab.until(done, AROUND_S + WAIT_S)
            figure = self.judge(play, found, ends_s)
            missed = [name for name in names if not play.messages(name)]
            found.expect(not missed, f"nobody was reached about {missed[:3]}")
            again, sms = play.again(), sum(m.kind == "sms" for m in lab.phones())
        return found.verdict(
            f"{count - len(missed)} of {count} incidents told; {figure}",
            incidents=float(count), notified=float(count - len(missed)),
            duplicates=float(again), sms=float(sms),
        )  # fmt: skip


def edit(scene: Scene) -> None:
    """Short timers, webhooks for everybody as the second channel, and no limit on SMS."""
    give_hooks(scene)
    patch_policies(scene, by=["sms", "webhook"], wait_s=WAIT_S, receipt_s=RECEIPT_S)
    file = scene.config / "hub.toml"
    hub = tomllib.loads(file.read_text("utf-8"))
    hub["storm"] = {"most": 0}
    for channel in hub["channel"]:
        if channel["kind"] == "sms":
            channel["timeout_s"] = TIMEOUT_S
    file.write_text(to_toml(hub), "utf-8")


def refused(play: Play, found: Findings, ends_s: float) -> str:
    """The next channel within ten seconds; nothing is believed to be sent by SMS meanwhile."""
    firsts = {name: play.after_s(name, "hook")[:1] for name in play.began_s}
    late = [name for name, after in firsts.items() if not after or after[0] > NEXT_S]
    found.expect(not late, f"no webhook within {NEXT_S:g} s about {late[:3]}")
    early = [m for m in play.lab.phones() if m.kind == "sms" and m.at_s < ends_s]
    believed = play.lab.one(
        "SELECT count(*) FROM notification WHERE channel = 'sms' AND state IN ('sent','delivered')"
        " AND id NOT IN (SELECT value FROM json_each(?))",
        str([m.note for m in play.lab.phones() if m.kind == "sms"]).replace("'", '"'),
    )
    found.expect(not early, "an SMS went through a refusing provider: nothing was tested")
    found.expect(not believed, f"{believed} SMS are called sent that nobody got")
    slowest = max((after[0] for after in firsts.values() if after), default=float("nan"))
    return f"webhook after {slowest:.1f} s at most; {believed} SMS wrongly believed"


def slow(play: Play, found: Findings, _ends_s: float) -> str:
    """The answer comes after the timeout: looked up, at most one more per such answer."""
    counts = play.lab.sms_of(play.lab.told())
    most = max(counts.values(), default=0)
    found.expect(most <= 2, f"one notification went {most} times")
    found.expect(bool(counts), "no SMS went at all")
    return f"{sum(counts.values())} SMS of {len(counts)} notifications, one at most {most} times"


def overrun(play: Play, found: Findings, ends_s: float) -> str:
    """429 for a while: the first that gets through draws the most severe after it, none twice."""
    lab = play.lab
    waiting = lambda: lab.one(  # noqa: E731
        "SELECT count(*) FROM notification WHERE channel = 'sms' AND state = 'deferred'"
    )
    lab.until(lambda: not waiting(), BACK_OFF_S)
    severity = {told.id: told.severity for told in lab.told()}
    sms = [severity.get(m.note, "") for m in lab.phones() if m.kind == "sms"]
    red = sms.count("extreme")
    soon = sms[: red + LANES].count("extreme")
    found.expect(bool(red), "no SMS of the highest level went after the spell")
    found.expect(soon == red, f"{red - soon} of {red} of the highest level after lesser ones")
    early = [m for m in lab.phones() if m.kind == "sms" and m.at_s < ends_s - OFF_S]
    found.expect(not early, "an SMS went through a 429: nothing was tested")
    found.expect(not play.again(), f"{play.again()} SMS went twice")
    return f"{soon} of {red} SMS of the highest level among the first {red + LANES} of {len(sms)}"


def undelivered(play: Play, found: Findings, _ends_s: float) -> str:
    """Taken and never delivered: the next channel and the next person in their time."""
    off = []
    for name in list(play.began_s)[: max(len(play.began_s) // 2, 3)]:
        sms, hooks = play.after_s(name, "sms"), play.after_s(name, "hook")
        found.expect(bool(sms and hooks), f"{name}: {len(sms)} SMS, {len(hooks)} webhooks")
        if sms and hooks:
            off.append(hooks[0] - sms[0] - RECEIPT_S)
        if len(sms) > 1:
            off.append(sms[1] - sms[0] - WAIT_S)
    worst = max((abs(seconds) for seconds in off), default=float("nan"))
    found.expect(worst <= OFF_S, f"a timer was {worst:.2f} s off")
    return f"{len(off)} timers at most {worst:.2f} s off"


REFUSED: Final = Provider(
    name="provider refuses", number=17, fault="the SMS provider breaks every connection",
    required=f"the next channel within {NEXT_S:g} s; nothing marked sent that was not",
    order={"what": "refuse"}, judge=refused,
)  # fmt: skip
SLOW: Final = Provider(
    name="provider slow", number=18,
    fault=f"it takes the message and answers {LATE_S:g} s late, after the timeout",
    required="none missed; at most one more SMS for each such answer",
    order={"what": "late", "delay_s": LATE_S}, judge=slow,
)  # fmt: skip
OVERRUN: Final = Provider(
    name="provider overrun", number=19, fault="HTTP 429 to every SMS for a while",
    required="once one gets through, the most severe follow first; none missed, none twice",
    order={"what": "status", "status": 429}, judge=overrun,
)  # fmt: skip
UNDELIVERED: Final = Provider(
    name="taken, not delivered", number=21, fault="SMS are taken and never delivered, nor reported",
    required=f"next channel and next person in their time, within {OFF_S:g} s",
    order={"what": "silent"}, judge=undelivered,
)  # fmt: skip
