from datetime import UTC, datetime

from akasa.workspace import clock


def test_the_time_is_now_or_the_one_that_is_given(monkeypatch):
    monkeypatch.delenv(clock.VARIABLE, raising=False)
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 60
    monkeypatch.setenv(clock.VARIABLE, "1700000000")
    assert clock.now() == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_what_took_time_took_none_while_the_time_is_given(monkeypatch):
    monkeypatch.delenv(clock.VARIABLE, raising=False)
    assert clock.seconds(1.23456) == 1.235
    monkeypatch.setenv(clock.VARIABLE, "1700000000")
    assert clock.seconds(1.23456) == 0
