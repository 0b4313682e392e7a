"""The section "Since the last run" in a real browser, at every width, light and dark."""

import pytest
from lib import browser, compared, paged
from lib.drops import customers, deliver, orders

from akasa.ingest.known_by import Known
from akasa.report import facts, front
from akasa.stores import migrate
from akasa.workspace.settings import load

pytestmark = pytest.mark.slow

LONG = "C-" + "LONG" * 20
HOSTILE = "<img src=http://127.0.0.1:9/x onerror=document.title='owned'>"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Two runs of long and hostile names; the page of the second one, as known by a day."""
    folder = tmp_path_factory.mktemp("since")
    for name in ("data/incoming", "outputs"):
        (folder / name).mkdir(parents=True)
    cfg = load(data_dir=folder / "data", output_dir=folder / "outputs", max_reject_ratio=1.0)
    migrate.upgrade(cfg)
    people = [
        (LONG, "9000000001", "West" * 5),
        ("C-2", "9000000002", HOSTILE),
        ("C-3", "9000000003", "East"),
    ]
    bought = [(f"O-{n}", f"900000000{n}", "2025-11-01", "S-1", 1, "99999") for n in range(1, 4)]
    deliver(cfg, ("customers.csv", customers(*people)), ("orders.xml", orders(*bought)))
    compared.run(cfg, "first")
    more = [(f"O-{n}", f"900000000{n - 3}", "2025-11-11", "S-1", 1, "1234.89") for n in range(4, 7)]
    moved = [(one, number, f"{region} Moved") for one, number, region in people]
    deliver(
        cfg, ("incoming/c_2025-11-12.csv", customers(*moved)), ("incoming/o_2025-11-12.xml", orders(*more))
    )
    found = compared.run(cfg, "second")
    assert found["unexplained"] == []
    known = facts.gather(cfg, *paged.proved(cfg))
    remembered = Known(known.as_of, ("incoming/o_2025-11-12.xml was taken back.",))
    file = folder / "outputs/index.html"
    file.write_text(
        front.html(known, [], moved={**found, "lost": ["orders.xml"]}, remembered=remembered), "utf-8"
    )
    return file


@pytest.fixture(scope="module")
def chromium():
    with browser.running() as started:
        yield started


@pytest.mark.parametrize(
    ("width", "scheme"), [(390, "dark"), (768, "light"), (1366, "dark"), (1366, "light")]
)
def test_the_section_is_whole_and_can_be_read_by_all(chromium, page, width, scheme):
    with browser.Opened(chromium, page, width, scheme) as opened:
        # Tables of such names scroll by themselves; the section has none.
        assert [one for one in opened.clipped() if not one.startswith("wide ")] == []
        assert opened.requests == opened.complaints == []
        assert opened.axe() == []
        assert len(opened.texts("[aria-labelledby=since] li")) > 6
        assert opened.texts(".known-by")[0].startswith("As known by 11 November 2025: ")
        assert not opened.page.title().startswith("owned")
