"""What a maintenance incident says of itself: which sensor, and how many."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from town import NETWORK

from hub.model.catalogue import Catalogue
from hub.model.network import Datastream, Hazard, Severity
from hub.model.transition import Change, Kind, Transition
from hub.store.database import transaction

if TYPE_CHECKING:
    from town import Town

NAMES = ("stage", "smoke", "co", "heat", "flow", "float")


def sensors(town: Town) -> list[int]:
    """Give the bridge six labelled sensors; return their slots."""
    declared = {
        ("box", name): Datastream(
            slot=-1, site="bridge", node="box", name=name, label_en=f"The {name}",
            label_zh=f"{slot}号仪",
        )
        for slot, name in enumerate(NAMES, 10)
    }  # fmt: skip
    town.catalogue = Catalogue(replace(NETWORK, datastreams=declared))
    for slot, name in enumerate(NAMES, 10):
        town.catalogue.add(slot, "bridge", "box", name, "")
    return list(range(10, 10 + len(NAMES)))


def lost(town: Town, slot: int, change: Change = Change.RAISED, **more: object) -> Transition:
    """Return that one of them falls silent, or speaks again."""
    kind = more.pop("kind", Kind.SILENCE)
    step = town.transition(f"{kind}:box/{slot}", change, Severity.MINOR, slot=slot, kind=kind)  # type: ignore[arg-type]
    words = replace(step.evidence, words_en="silent for 90 s", words_zh="已静默 90 秒")
    return replace(step, evidence=words)


def headlines(town: Town) -> tuple[str, str]:
    """Return what the maintenance incident of the bridge says."""
    (found,) = [i for i in town.book.open_incidents() if i.hazard is Hazard.SENSOR]
    return found.headline_en, found.headline_zh


def test_one_silent_sensor_is_named(town: Town) -> None:
    """The stream's label stands before the detector's words, in both languages."""
    slots = sensors(town)
    town.see(lost(town, slots[1]))
    english, chinese = headlines(town)
    assert english.endswith(": The smoke: silent for 90 s")
    assert chinese.endswith("：11号仪：已静默 90 秒")


def test_six_silent_sensors_are_six(town: Town) -> None:
    """However they come, in one fold or one by one, the headline counts and names them."""
    slots = sensors(town)
    town.see(*(lost(town, slot) for slot in slots[:3]))
    for slot in slots[3:]:
        town.see(lost(town, slot))
    english, chinese = headlines(town)
    assert "6 sensors silent: The co, The flo" in english
    assert "The stage" in english
    assert "6个传感器中断：12号仪、15号仪" in chinese


def test_those_that_speak_again_are_no_longer_counted(town: Town) -> None:
    """Two of three come back: the one left is named; a faulty one is told apart."""
    slots = sensors(town)
    town.see(*(lost(town, slot) for slot in slots[:3]))
    town.see(lost(town, slots[3], kind=Kind.FAULT))
    assert "3 sensors silent" in headlines(town)[0]
    assert "1 sensor faulty: The heat" in headlines(town)[0]
    town.see(*(lost(town, slot, Change.CLEARED) for slot in slots[:2]))
    town.see(lost(town, slots[3], Change.CLEARED, kind=Kind.FAULT))
    assert headlines(town)[0].endswith(": The co: silent")


def test_the_same_again_keeps_the_headline(town: Town) -> None:
    """Folding again what the store already has changes nothing of the headline."""
    slots = sensors(town)
    steps = [lost(town, slot) for slot in slots[:2]]
    town.see(*steps)
    before = headlines(town)
    town.see(*steps)
    assert headlines(town) == before
    with transaction(town.connection):
        assert len(town.book.troubles(town.only().id)) == 2
