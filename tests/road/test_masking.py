"""A whole run with MASK_PII: no mobile number in any output or on the console, and all of it reconciled."""

import json
import re

import pytest
from lib.command import report, sample

from akasa.kpis import engines, results
from akasa.kpis.definitions import DEFINITIONS
from akasa.workspace import promotion
from akasa.workspace.settings import Settings

pytestmark = pytest.mark.long

# One in their file's name, too.
# Taken over from CUST-001; in a name, as an id; shared by two; slipped into another column; of nine digits.
CUSTOMERS = """customer_id,customer_name,mobile_number,region
N1,Asha 97000 00001,+91 98204 17365,North
9700000002,Bina,9700000003,North
N3,Chitra,+91-97000-00004,North
N4,Dev,(97000) 00004,North
N5,Esha, Rao,9700000005,North
N6,Farid,97000 0006,North
N7,Gita,5700000007,North
N8,Hari,tel:+91(0)9700000008,
"""
# Of nobody; with an amount that is none, twice; malformed, with an entity in the number; too long.
ORDERS = """<orders>
<order><order_id>M1</order_id><mobile_number>0 97000-00009</mobile_number>{}
<sku_count>1</sku_count><total_amount>7</total_amount></order>
<order><order_id>M2</order_id><mobile_number>97000&#8203;00010</mobile_number>{}
<sku_count>1</sku_count><total_amount>a lot</total_amount></order>
<order><order_id>M3</order_id><mobile_number>97000 &#48;0011</mobile_number>{}
<sku_count>1</sku_count><total_amount>-7</total_amount></order>
<order><order_id>M4</order_id><mobile_number><b>970000&#48;012</b></mobile_number>{}
<sku_count>1</sku_count><total_amount>7</total_amount></order>
<order><order_id>M5</order_id><mobile_number>97000000130</mobile_number>{}
<sku_count>1</sku_count><total_amount>7</total_amount></order>
</orders>
""".replace("{}", "<order_date_time>2025-11-10T09:00:00</order_date_time><sku_id>S</sku_id>")
OURS = {*(f"97000000{n:02d}" for n in (1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 14)), "9820417365"}
ODD = {"970000006", "5700000007", "97000000130"}


def numbers(data):
    """Return all mobile numbers of the sample, by its texts, and those that were added."""
    texts = [(data / name).read_text("utf-8") for name in ("customers.csv", "orders.xml")]
    found = {re.sub(r"\D", "", one)[-10:] for text in texts for one in re.findall(r"\+?[\d -]{10,}", text)}
    return {number for number in found if re.fullmatch("[6-9][0-9]{9}", number)} | OURS | ODD


def spelt(known):
    """Return a pattern of numbers with up to three other characters between two digits, as UTF-8."""
    return re.compile("|".join("[^0-9]{0,3}".join(number) for number in sorted(known)).encode())


def written(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def kpi_files(folder):
    names = (results.file_name(engine, kpi) for engine in engines.ENGINES for kpi in DEFINITIONS)
    return {name: (folder / name).read_bytes() for name in names}


def test_no_number_is_shown_or_put_into_outputs_and_the_next_run_without_it_shows_all(tmp_path):
    data = sample(tmp_path)
    (data / "incoming").mkdir()
    (data / "incoming/customers_9700000014_2025-11-11.csv").write_text(CUSTOMERS)
    (data / "incoming/orders_2025-11-11.xml").write_text(ORDERS)
    known = numbers(data)
    pattern, outputs = spelt(known), tmp_path / "outputs"
    assert len(known) > 30
    options = ("--engine", "both", "--top-n", "50", "--max-reject-ratio", "1")

    masked = report(data, *options, MASK_PII="1")
    assert masked.returncode == 0, masked.stderr
    assert "sql = pandas = dask" in masked.stdout
    found = {name: pattern.search(content) for name, content in written(outputs).items()}
    assert {name: hit[0] for name, hit in found.items() if hit} == {}
    assert not pattern.search((masked.stdout + masked.stderr).encode())
    page = (outputs / "index.html").read_text("utf-8")
    assert "97xxxxxx09" in page  # of an order of nobody
    assert "98xxxxxx65" in page  # of who changed hands
    assert promotion.changed(outputs) == []
    exact = kpi_files(Settings(data_dir=data, output_dir=outputs).exact)

    usual = report(data, *options)
    assert usual.returncode == 0, usual.stderr
    assert kpi_files(outputs) == exact
    assert not (data / "exact/outputs").exists()
    spenders = json.loads((outputs / "sql_top_spenders.json").read_text("utf-8"))
    assert {row["mobile_number"] for row in spenders} <= known
    assert "9447013582" in {row["mobile_number"] for row in spenders}
