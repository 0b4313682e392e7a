"""Great Expectations' pages are the same whenever they tell of the same."""

from datetime import UTC, datetime

from akasa.validate import data_docs

AUDIT = datetime(2025, 11, 10, 9, 30, tzinfo=UTC)


def page(time, first, second):
    return f'<a href="#{first}" title="{second}">{time}</a><i id={first}></i> 2025-11-10 logo.png?d={time}'


def test_times_are_the_audit_s_and_random_ids_are_numbered_by_their_first_place():
    ids = "b8f09ff8-9a2c-47b4-9888-4c850ad4c587", "cbd7ff40-29da-4b20-95b4-82cf52bac414"
    one = data_docs.repeatable(page("20251126T211405.854981Z", *ids), AUDIT)
    other = data_docs.repeatable(page("20251127T000000.000001Z", *reversed(ids)), AUDIT)
    numbers = (f"00000000-0000-0000-0000-{number:012d}" for number in (1, 2))
    assert one == other == page("20251110T093000.000000Z", *numbers)


def test_pages_are_made_repeatable_and_other_files_are_copied_as_they_are(tmp_path):
    (tmp_path / "site/static").mkdir(parents=True)
    for name in ("index.html", "static/style.css"):
        (tmp_path / "site" / name).write_text("20251126T211405.854981Z")
    data_docs.put(tmp_path / "site", tmp_path / "docs", AUDIT)
    assert (tmp_path / "docs/index.html").read_text() == "20251110T093000.000000Z"
    assert (tmp_path / "docs/static/style.css").read_text() == "20251126T211405.854981Z"
