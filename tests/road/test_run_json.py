"""`outputs/run.json` of a whole run is as its schema says; and what is kept of it is a report that works."""

import copy
import json
import re
from urllib.parse import unquote

import jsonschema
import pytest

from akasa.run import history
from akasa.workspace import promotion
from akasa.workspace.settings import ROOT

pytestmark = pytest.mark.slow

SCHEMA = json.loads((ROOT / "docs/run.schema.json").read_text("utf-8"))


@pytest.fixture
def said(reported):
    return json.loads((reported.parent / "outputs/run.json").read_text("utf-8"))


def faults(content):
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(content)]


def objects(content, schema):
    """Yield each object of a list with its schema, whose names are not free, and its place."""
    schema = {**schema, **_of(schema)}
    if isinstance(content, dict):
        if schema.get("additionalProperties") is False or "required" in schema:
            yield content, schema
        free = schema.get("additionalProperties")
        for name, part in content.items():
            inner = schema.get("properties", {}).get(name, free if isinstance(free, dict) else {})
            yield from objects(part, inner)
    elif isinstance(content, list):
        for part in content[:1]:
            yield from objects(part, schema.get("items", {}))


def _of(schema):
    reference = schema.get("$ref", "#/$defs/").removeprefix("#/$defs/")
    (choice,) = [one for one in schema.get("oneOf", [{}]) if one != {"type": "null"}] or [{}]
    return SCHEMA["$defs"].get(reference, {}) | choice


def test_the_schema_is_one_and_a_run_s_list_is_as_it_says(said):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert faults(said) == []
    assert len(said["deliveries"]) == len(said["sightings"]) == 2
    assert [one["step"] for one in said["steps"]][::4] == ["01_ingest", "05_report"]
    assert {one["success"] for one in said["audit"]} == {True}


def test_without_any_one_name_that_is_required_or_with_another_one_it_is_not(said):
    whole = copy.deepcopy(said)
    places = list(objects(said, SCHEMA))
    assert len(places) > 10
    for found, schema in places:
        for name in schema["required"]:
            value = found.pop(name)
            assert faults(said) != [], name
            found[name] = value
        if schema.get("additionalProperties") is False:
            found["another"] = 1
            assert faults(said) != [], schema
            del found["another"]
    assert said == whole


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run", "R1"),
        ("started", "yesterday"),
        ("as_of", "10-11-2025"),
        ("top_n", 0),
        ("engines", ["polars"]),
        ("settings", {"MASK_PII": False, "DB_HOST": "", "DB_NAME": "", "DB_USER": "", "DB_PASSWORD": ""}),
        ("parameters", {"top_n": [3]}),
        ("files", {"../x": {"sha256": "0" * 64, "run": "R"}}),
        ("files", {"x": {"sha256": "0" * 63, "run": "R"}}),
    ],
)
def test_what_is_not_of_its_form_is_found(said, name, value):
    assert faults(said | {name: value}) != []


def test_what_was_proved_and_of_what_a_step_was_made_may_be_told(said):
    total = {"name": "orders", "values": {"database": 28, "months (sql)": 28}, "ties": True}
    proof = {"engines": ["sql", "pandas"], "differences": 0, "totals": [total]}
    made = said["steps"][0] | {"ingredients": {"akasa": "0" * 64}, "files": ["index.html"]}
    assert faults(said | {"proof": proof, "steps": [made]}) == []
    assert faults(said | {"proof": None}) == []
    for worse in (
        proof | {"differences": -1},
        proof | {"totals": [total | {"values": {"database": 28.5}}]},
        proof | {"totals": [{name: total[name] for name in ("name", "ties")}]},
    ):
        assert faults(said | {"proof": worse}) != []


def test_every_name_is_explained_or_explains_itself():
    plain = {
        "kind",
        "accepted",
        "rejected",
        "sha256",
        "table",
        "success",
        "column",
        "engines",
        "python",
        "akasa",
    }
    plain |= {"name", "version", "commit"}
    bare = [name for name, one in names(SCHEMA) if "description" not in one and name not in plain]
    assert bare == []


def names(schema):
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for part in schema.values():
            yield from names(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from names(part)


def test_the_page_of_a_kept_run_is_whole_and_all_its_links_lead_to_what_was_kept(reported, said):
    outputs = reported.parent / "outputs"
    (entry,) = history.entries(outputs)
    assert entry.name == said["run"]
    assert promotion.changed(entry) == []
    assert (entry / "run.json").read_bytes() == (outputs / "run.json").read_bytes()
    pages = [entry / "index.html", *(entry / "notebooks").glob("*.html")]
    assert len(pages) == 6
    for page in pages:
        links = re.findall(r'(?:href|src)="([^"#:]+)(?:#[^"]*)?"', page.read_text("utf-8"))
        assert links
        assert [link for link in links if not (page.parent / unquote(link)).is_file()] == []
