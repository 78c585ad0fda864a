"""Drivers against recorded bytes and files: one test per trap."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tocsin_edge.errors import SensorError
from tocsin_edge.sensors import SENSORS
from tocsin_edge.sensors.ads1115 import Ads1115, Ads1115Settings
from tocsin_edge.sensors.base import Surroundings
from tocsin_edge.sensors.contact import Contact, ContactSettings
from tocsin_edge.sensors.ds18b20 import Ds18b20, Ds18b20Settings
from tocsin_edge.sensors.replay import Replay, ReplaySettings
from tocsin_edge.sensors.simulate import Simulate, SimulateSettings
from tocsin_edge.sensors.smoke_relay import SmokeRelay, SmokeRelaySettings
from tocsin_edge.sensors.tipping_bucket import TippingBucket, TippingBucketSettings
from tocsin_edge.worlds.pumps import Pumps, PumpsSettings
from tocsin_edge.worlds.river import River, RiverSettings, Storm

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE_US = 60_000_000


def around(folder: Path = Path(), memory: str | None = None, **more: object) -> Surroundings:
    """Return surroundings for a driver."""
    fields = {"name": "s", "unit": "m", "folder": folder, "start_us": 0, "memory": memory}
    return Surroundings(**(fields | more))


class Wire:
    """A GPIO pin in the tester's hand."""

    def __init__(self, *, level: bool = False) -> None:
        self.level = level
        self.call: Callable[[], None] = lambda: None

    def closed(self) -> bool:
        """Return the level."""
        return self.level

    def on_close(self, call: Callable[[], None]) -> None:
        """Keep whom to tell."""
        self.call = call

    def close(self) -> None:
        """Nothing is held."""

    def pulse(self) -> None:
        """Close and open again."""
        self.call()


def test_contact_says_open_and_closed() -> None:
    """A normally open contact reads 1 while it conducts."""
    wire = Wire()
    contact = Contact(ContactSettings(pin=4), around(), line=wire)
    assert contact.read(0)[0].result == 0
    wire.level = True
    assert contact.read(0)[0].result == 1


def test_contact_that_bobbed_between_reads_is_said_once() -> None:
    """A float that closed and opened again is not missed, and not said twice."""
    wire = Wire()
    contact = Contact(ContactSettings(pin=4), around(), line=wire)
    wire.pulse()
    assert [contact.read(0)[0].result for _ in range(2)] == [1, 0]


def test_cut_cable_of_a_closed_loop_is_an_alarm() -> None:
    """A normally closed loop that opens, by float or by saw, reads 1."""
    wire = Wire(level=True)
    contact = Contact(ContactSettings(pin=4, normally_closed=True), around(), line=wire)
    assert contact.read(0)[0].result == 0
    wire.level = False
    assert contact.read(0)[0].result == 1


def test_gpio_without_its_library_says_what_to_install() -> None:
    """A missing extra is a sentence, not a traceback."""
    with pytest.raises(SensorError, match=r"tocsin-edge\[gpio\]|cannot be opened"):
        Contact(ContactSettings(pin=4), around())


def test_smoke_relay_alarm_fault_and_rest() -> None:
    """A detector without power is a null with a reason, but an alarm counts all the same."""
    alarm, fault = Wire(), Wire(level=True)
    settings = SmokeRelaySettings(pin=4, fault_pin=5)
    relay = SmokeRelay(settings, around(), alarm=alarm, fault=fault)
    assert relay.read(0)[0].result == 0
    fault.level = False
    with pytest.raises(SensorError, match="fault"):
        relay.read(0)
    alarm.level = True
    assert relay.read(0)[0].result == 1


W1 = {
    "warm": "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n",
    "frost": "5e ff 4b 46 7f ff 02 10 ba : crc=ba YES\n5e ff 4b 46 7f ff 02 10 ba t=-10125\n",
    "power-on": "50 05 4b 46 7f ff 0c 10 1c : crc=1c YES\n50 05 4b 46 7f ff 0c 10 1c t=85000\n",
    "true-85": "50 05 4b 46 7f ff 10 10 aa : crc=aa YES\n50 05 4b 46 7f ff 10 10 aa t=85000\n",
    "near-85": "40 05 4b 46 7f ff 10 10 bb : crc=bb YES\n40 05 4b 46 7f ff 10 10 bb t=84000\n",
    "crc": "72 01 4b 46 7f ff 0e 10 00 : crc=57 NO\n72 01 4b 46 7f ff 0e 10 00 t=23125\n",
    "shorted": "00 00 00 00 00 00 00 00 00 : crc=00 YES\n00 00 00 00 00 00 00 00 00 t=0\n",
    "wild": "ff 0f 4b 46 7f ff 0e 10 57 : crc=57 YES\nff 0f 4b 46 7f ff 0e 10 57 t=255937\n",
    "empty": "",
}


def thermometer(tmp_path: Path) -> tuple[Ds18b20, Path]:
    """Return a driver and the kernel file it reads."""
    file = tmp_path / "28-0316a279e4ff" / "w1_slave"
    file.parent.mkdir()
    return Ds18b20(Ds18b20Settings(id="28-0316a279e4ff", bus=tmp_path), around()), file


@pytest.mark.parametrize(("frame", "cel"), [("warm", 23.125), ("frost", -10.125)])
def test_ds18b20_reads(tmp_path: Path, frame: str, cel: float) -> None:
    """Frames of the kernel become degrees."""
    sensor, file = thermometer(tmp_path)
    file.write_text(W1[frame])
    assert sensor.read(0)[0].result == cel


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        ("power-on", "power-on value"),
        ("crc", "CRC"),
        ("shorted", "shorted"),
        ("wild", "outside"),
        ("empty", "no reading"),
    ],
)
def test_ds18b20_traps_are_nulls_with_a_reason(tmp_path: Path, frame: str, why: str) -> None:
    """What only looks like a temperature is none."""
    sensor, file = thermometer(tmp_path)
    file.write_text(W1[frame])
    with pytest.raises(SensorError, match=why):
        sensor.read(0)


def test_ds18b20_really_hot_is_believed_when_it_came_there(tmp_path: Path) -> None:
    """85.0 out of nowhere is suspect; next to 84 it is a fire."""
    sensor, file = thermometer(tmp_path)
    file.write_text(W1["true-85"])
    assert sensor.read(0)[0].quality == "suspect"
    file.write_text(W1["near-85"])
    sensor.read(0)
    file.write_text(W1["true-85"])
    assert sensor.read(0)[0].quality == ""


def test_ds18b20_unplugged_says_so(tmp_path: Path) -> None:
    """A sensor that is gone from the bus is a null with its reason."""
    sensor, _ = thermometer(tmp_path)
    with pytest.raises(SensorError, match="does not answer"):
        sensor.read(0)


class Recorded:
    """An I2C bus that answers with recorded register bytes and keeps what was written."""

    def __init__(self, conversion: bytes, *, failures: int = 0, busy: int = 0) -> None:
        self.conversion = conversion
        self.failures = failures
        self.busy = busy
        self.written: list[list[int]] = []

    def write_i2c_block_data(self, address: int, register: int, data: list[int]) -> None:
        """Keep the configuration; fail as often as told."""
        assert (address, register) == (0x48, 0x01)
        if self.failures:
            self.failures -= 1
            raise OSError(121, "Remote I/O error")
        self.written.append(data)

    def read_i2c_block_data(self, _address: int, register: int, length: int) -> list[int]:
        """Answer from the record."""
        assert length == 2
        if register == 0x01:
            self.busy -= 1
            return [0x45 if self.busy >= 0 else 0xC5, 0x83]
        return list(self.conversion)


def current(ma: float) -> bytes:
    """Return the conversion register for a current over 100 ohm at a range of 4.096 V."""
    return round(ma / 1000 * 100 / 4.096 * 32768).to_bytes(2, "big", signed=True)


def level(ma: float, **more: int) -> tuple[Ads1115, Recorded]:
    """Return a 0 to 8 m transmitter at ``ma``."""
    bus = Recorded(current(ma), **more)
    settings = Ads1115Settings(at_4ma=0.0, at_20ma=8.0, channel=1)
    return Ads1115(settings, around(), bus=bus, wait=lambda _: None), bus


@pytest.mark.parametrize(("ma", "metres"), [(4, 0.0), (12, 4.0), (20, 8.0)])
def test_4_20_ma_scales(ma: float, metres: float) -> None:
    """Current becomes metres; the wire's bytes are high byte first."""
    sensor, bus = level(ma, busy=3)
    reading = sensor.read(0)[0]
    assert reading.result == pytest.approx(metres, abs=0.001)
    assert reading.quality == ""
    assert bus.written == [[0xD3, 0x83]]


@pytest.mark.parametrize(
    ("ma", "why"), [(0, "below"), (-0.1, "below"), (3.5, "below"), (22, "abo")]
)
def test_broken_wire_is_never_a_level(ma: float, why: str) -> None:
    """Below 3.6 mA and above 21 mA there is no value at all."""
    with pytest.raises(SensorError, match=why):
        level(ma)[0].read(0)


@pytest.mark.parametrize("ma", [3.7, 20.8])
def test_end_of_scale_is_suspect(ma: float) -> None:
    """Between fault and scale the value is kept and marked."""
    assert level(ma)[0].read(0)[0].quality == "suspect"


def test_ads1115_tries_again_and_then_gives_a_reason() -> None:
    """Two bus errors are ridden out, a dead converter is a null with its reason."""
    assert level(12, failures=2)[0].read(0)[0].result == pytest.approx(4.0, abs=0.001)
    with pytest.raises(SensorError, match="does not answer"):
        level(12, failures=9)[0].read(0)
    with pytest.raises(SensorError, match="conversion"):
        level(12, busy=99)[0].read(0)


def test_rain_is_the_tips_of_its_interval(tmp_path: Path) -> None:
    """Each reading says the millimetres since the one before, with start and end."""
    wire = Wire()
    gauge = TippingBucket(TippingBucketSettings(pin=6), around(tmp_path), line=wire)
    for _ in range(3):
        wire.pulse()
    first = gauge.read(MINUTE_US)[0]
    assert (first.result, first.start_us) == (0.6, 0)
    second = gauge.read(2 * MINUTE_US)[0]
    assert (second.result, second.start_us) == (0.0, MINUTE_US)


def test_rain_survives_a_reboot(tmp_path: Path) -> None:
    """Tips that no stored reading has said yet are said after the reboot, and only once."""
    wire = Wire()
    settings = TippingBucketSettings(pin=6, mm_per_tip=0.5)
    gauge = TippingBucket(settings, around(tmp_path), line=wire)
    wire.pulse()
    memory = gauge.read(MINUTE_US)[0].memory
    wire.pulse()
    wire.pulse()
    again = TippingBucket(settings, around(tmp_path, memory), line=Wire())
    reading = again.read(5 * MINUTE_US)[0]
    assert (reading.result, reading.start_us) == (1.0, MINUTE_US)


def test_simulated_sensor_is_the_same_after_a_restart() -> None:
    """Seed and time decide the value, so that a killed node goes on where it was."""
    settings = SimulateSettings(quantity="level", noise=0.1)
    one, two = (Simulate(settings, around(world=Pumps(PumpsSettings()))) for _ in range(2))
    one.read(0)
    assert one.read(MINUTE_US) == two.read(MINUTE_US)


def test_simulated_faults() -> None:
    """A stuck sensor stands still, a broken one has a reason, a silent one says nothing."""
    settings = SimulateSettings(
        quantity="level", noise=0.1, stuck_from_s=60, broken_from_s=600, silent_from_s=1200
    )
    sensor = Simulate(settings, around(world=Pumps(PumpsSettings())))
    assert sensor.read(2 * MINUTE_US) == sensor.read(3 * MINUTE_US)
    with pytest.raises(SensorError):
        sensor.read(11 * MINUTE_US)
    assert sensor.read(21 * MINUTE_US) == []


def test_rain_adds_up_over_intervals() -> None:
    """Intervals of simulated rain sum to the storm, whatever their length."""
    storm = Storm(start_s=0, duration_s=600, depth_mm=10)
    world = River(RiverSettings(storm=(storm,)))
    settings = SimulateSettings(quantity="rain", total=True, resolution=0.2)
    sensor = Simulate(settings, around(world=world))
    fallen = [sensor.read(n * MINUTE_US)[0].result or 0 for n in range(1, 15)]
    assert sum(fallen) == pytest.approx(10.0)


def test_river_keeps_its_water() -> None:
    """What runs off is what flows by: the hydrograph loses no water."""
    storm = Storm(start_s=600, duration_s=1800, depth_mm=20)
    settings = RiverSettings(storm=(storm,), area_km2=10, runoff=0.5)
    river = River(settings)
    extra_m3 = sum((river.flow_m3_s(m * 60.0) - settings.base_m3_s) * 60 for m in range(2000))
    assert extra_m3 == pytest.approx(10e6 * 0.020 * 0.5, rel=0.001)
    assert river.stage_m(0) < river.stage_m(3600)


RECORDING = """time,sensor,kind,unit,value
2020-01-01T00:00:00Z,gauge,river_level,ft,10
2020-01-01T00:05:00Z,gauge,river_level,ft,
2020-01-01T00:05:00Z,other,temperature,degC,3
"""


def test_recording_comes_due_with_the_clock(tmp_path: Path) -> None:
    """Rows come when their time is there, in metric units, and go on after a restart."""
    (tmp_path / "r.csv").write_text(RECORDING)
    settings = ReplaySettings(file=tmp_path / "r.csv", sensor="gauge")
    sensor = Replay(settings, around())
    (first,) = sensor.read(MINUTE_US)
    assert (first.result, first.at_us) == (3.048, 0)
    again = Replay(settings, around(memory=first.memory))
    (second,) = again.read(9 * MINUTE_US)
    assert (second.result, second.quality, second.at_us) == (None, "missing", 5 * MINUTE_US)
    with pytest.raises(SensorError, match="not in Cel"):
        Replay(settings, around(unit="Cel"))


def test_every_kind_is_registered_once() -> None:
    """A kind is a lower-case word that leads to its settings and its driver."""
    assert sorted(SENSORS) == list(SENSORS)
    assert all(kind.isidentifier() and kind.islower() for kind in SENSORS)
