import time

import pytest

from hub.model.network import Datastream
from hub.store.lines import encode, head, measurement, tag_value

T_US = 1_795_500_300_000_000
STREAM = Datastream(slot=3, site="qingxi", node="gauge-1", name="stage", unit="m")


def row(**changed: object) -> tuple:
    """One row of the log with some columns changed."""
    columns: dict[str, object] = {
        "offset": 9,
        "slot": 3,
        "time_us": T_US,
        "tie": 0,
        "result": 4.82,
        "quality": 1,
        "lateness": 0,
        "trusted": 1,
        "pos": 0,
        "boot": "7f3a9c21d4e85b06",
        "seq": 41822,
        "received_us": T_US + 7,
    }
    return tuple((columns | changed).values())


def line(**changed: object) -> str:
    """The line of one such row."""
    (text,) = encode([row(**changed)], {3: head(STREAM)})
    return text


def test_a_line_holds_every_field_of_the_schema() -> None:
    """Tags in key order, each field with its type, nanoseconds at the end."""
    assert line() == (
        "stage,datastream=stage,node=gauge-1,site=qingxi,unit=m result=4.82,quality=1i,late=f,"
        'time_trusted=t,boot="7f3a9c21d4e85b06",seq=41822i,pos=0i,received=1795500300000007i '
        "1795500300000000000"
    )


def test_a_null_is_a_point_without_result() -> None:
    """Its quality and all other fields are there."""
    text = line(result=None, quality=9)
    assert "result=" not in text
    assert " quality=9i," in text


@pytest.mark.parametrize(("lateness", "late"), [(0, "f"), (1, "t"), (2, "t"), (3, "f"), (4, "f")])
def test_late_means_late_or_backfilled(lateness: int, late: str) -> None:
    """What is ahead of the hub or has no time is not called late."""
    assert f",late={late}," in line(lateness=lateness)


def test_the_tie_is_the_last_three_digits_also_before_1970() -> None:
    """Two observations of one instant have two times, always the later one for the later tie."""
    assert line(tie=7).endswith(" 1795500300000000007")
    assert line(time_us=-5, tie=7).endswith(" -4993")
    assert line(time_us=10**17).endswith(f" {10**20}")  # InfluxDB refuses it: quarantine


def test_names_are_escaped_and_a_missing_unit_has_no_tag() -> None:
    """No character of a name can end the line, a tag or the measurement."""
    stream = Datastream(
        slot=3, site="a b", node="n=1,x", name="line\nbreak\\", observed_property="#water level, m"
    )
    assert head(stream) == (
        "_#water\\ level\\,\\ m,datastream=line\\ break/,node=n\\=1\\,x,site=a\\ b "
    )
    assert measurement("#x") == "_#x"
    assert tag_value("a\r\n\\b") == "a  /b"


def test_a_boot_of_any_text_stays_one_field() -> None:
    """Quotes and backslashes are escaped."""
    assert ',boot="a\\"b\\\\c",' in line(boot='a"b\\c')


def test_a_line_costs_less_than_four_microseconds() -> None:
    """CPU time; the goal on a quiet machine is 1.5 us (bench), other work may run beside."""
    rows = [row(seq=seq, result=seq / 7) for seq in range(5000)]
    heads = {3: head(STREAM)}
    spent = []
    for _ in range(5):
        start = time.thread_time()
        encode(rows, heads)
        spent.append(time.thread_time() - start)
    assert min(spent) / len(rows) < 4e-6
