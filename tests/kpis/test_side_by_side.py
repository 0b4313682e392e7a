"""KPIs of an engine are computed side by side; what they share is computed once."""

import threading
from datetime import date

import pytest
from lib.stores import customer, fill, ledger_row, order, tables

from akasa.kpis import engines, shared
from akasa.kpis.definitions import DEFINITIONS

AS_OF = date(2025, 11, 30)
SECONDS = 20


@pytest.fixture
def filled(migrated):
    customers = [customer(f"C-{n}", f"900000000{n}") for n in range(3)]
    orders = [order(f"O-{n}", f"900000000{n % 4}", "2025-11-30 10:00:00", n) for n in range(9)]
    fill(migrated, tables(customers, orders), ledger_row(1))
    return migrated


def test_two_kpis_are_asked_for_at_a_time(filled, monkeypatch):
    met = threading.Barrier(2)
    asked = engines.function

    def asking(engine, kpi):
        met.wait(SECONDS)  # until another one is asked for as well
        return asked(engine, kpi)

    monkeypatch.setattr(engines, "function", asking)
    found = engines.compute(filled, "sql", AS_OF)["sql"]
    assert list(found) == list(DEFINITIONS)
    for kpi, frame in found.items():
        assert frame.equals(asked("sql", kpi)(filled, AS_OF))


def test_the_first_fault_comes_through_at_once_though_another_kpi_goes_on(filled, monkeypatch):
    over, ended = threading.Event(), []

    def asking(engine, kpi):
        if kpi == next(iter(DEFINITIONS)):
            raise KeyboardInterrupt
        over.wait(SECONDS)
        ended.append(kpi)

    monkeypatch.setattr(engines, "function", asking)
    with pytest.raises(KeyboardInterrupt):
        engines.compute(filled, "sql", AS_OF)
    assert not ended
    over.set()


def test_who_asks_while_another_computes_waits_and_gets_the_same():
    began, go_on, of = threading.Event(), threading.Event(), []

    def compute(value):
        of.append(value)
        began.set()
        assert go_on.wait(SECONDS)
        return object()

    kept, found = shared.once(compute), []
    threads = [threading.Thread(target=lambda: found.append(kept(7))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert began.wait(SECONDS)
    go_on.set()
    for thread in threads:
        thread.join(SECONDS)
    assert of == [7]
    assert len(found) == 3
    assert len({*map(id, found)}) == 1
