"""A workspace may lie in a folder of any name; the few that cannot be are refused at once."""

import pytest
from lib.drops import customers, deliver, orders, run

from akasa.kpis import engines, reconcile, results
from akasa.stores import database, migrate, warehouse
from akasa.workspace import settings
from akasa.workspace.settings import Settings, SettingsError

CONTENT = [
    ("customers.csv", customers(("C-1", "9000000001", "North"), ("C-2", "9000000002", "South"))),
    (
        "orders.xml",
        orders(
            ("O-1", "9000000001", "2025-10-12 10:00", "SKU-1", 1, "10.00"),
            ("O-2", "9000000001", "2025-11-12 10:00", "SKU-1", 1, "20.05"),
            ("O-3", "9000000002", "2020-01-12 10:00", "SKU-2", 3, "30.10"),
        ),
    ),
]
NAMES = [
    *[
        "a b",
        " a ",
        "a#b",
        "a%b",
        "100%",
        "a?b",
        'a"b',
        "a'b",
        "a{}b",
        "{0}",
        "a<b>",
        "a`b",
        "a:b",
        "a;b&c=d",
    ],
    *["~", "a*b", "é", "e\u0301", "a\u00a0b", "日本", "😀", "file:", "s3:", "$HOME", "a\u200bb", "a\x85b"],
    *[".a.", "order_month=2020-01"],
]
IMPOSSIBLE = ["a%20b", "a%5Bb", "a[x]b", "a|b", "a^b", "a\\b", "a\tb", "a\nb", "a\x7fb", "a\udcffb"]


@pytest.mark.parametrize("names", [NAMES[first::4] for first in range(4)], ids=" ".join)
def test_all_engines_agree_in_folders_of_any_names(tmp_path, names):
    """Each in the one before: what breaks one of them breaks all below it."""
    folder = tmp_path.joinpath(*names)
    cfg = Settings(data_dir=folder / "data", output_dir=folder / "outputs")
    migrate.upgrade(cfg)
    deliver(cfg, *CONTENT)
    run(cfg)
    day = database.latest_order_date(cfg)
    for engine in engines.ENGINES:
        results.write_results(cfg, engines.compute(cfg, engine, day), day)
    proof = reconcile.prove(cfg, "both")
    reconcile.require_agreement(proof)
    assert proof.holds
    assert proof.results["dask"]["monthly_trends"]["total_revenue"].tolist() == [3010, 1000, 2005]
    correction = orders(("O-1", "9000000001", "2025-10-12 10:00", "SKU-1", 1, "11.00"))
    deliver(cfg, ("incoming/orders_2025-11-14.xml", correction))
    run(cfg)
    assert sorted(warehouse.orders(cfg)["total_amount_paise"]) == [1100, 2005, 3010]
    parents = [tmp_path.joinpath(*names[:depth]) for depth in range(len(names))]
    assert [[file.name for file in parent.iterdir()] for parent in parents] == [[name] for name in names]


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_folder_that_cannot_be_is_refused_before_anything_is_written(tmp_path, monkeypatch, name):
    monkeypatch.setenv("DATA_DIR", str(tmp_path / name / "data"))
    with pytest.raises(
        SettingsError, match=r"^DATA_DIR: .*the warehouse \(Delta Lake\) cannot lie in a folder"
    ):
        settings.load()
    assert list(tmp_path.iterdir()) == []


def test_a_link_of_any_name_may_lead_to_a_folder_that_can_be(tmp_path):
    (tmp_path / "a[x]b").symlink_to(tmp_path)
    assert Settings(data_dir=tmp_path / "a[x]b").data_dir == tmp_path / "a[x]b"
