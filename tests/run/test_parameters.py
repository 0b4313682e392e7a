import pytest
from click.testing import CliRunner

from akasa.__main__ import main
from akasa.run import parameters
from akasa.run.parameters import UsageError
from akasa.run.steps import STEPS


def test_a_notebook_declares_its_parameters_with_types():
    assert parameters.declared("03_kpis_sql") == {"as_of": "str", "window_days": "int", "top_n": "int"}


def test_given_values_go_to_the_notebooks_that_have_them_as_their_types():
    given = parameters.check({"top_n": "3", "max_reject_ratio": "0.5", "audit_all": "True", "engine": "dask"})
    assert given == {
        "01_ingest": {},
        "02_validate": {"max_reject_ratio": 0.5, "audit_all": True},
        "03_kpis_sql": {"top_n": 3},
        "04_kpis_memory": {"top_n": 3, "engine": "dask"},
        "05_report": {"engine": "dask"},
    }


@pytest.mark.parametrize(
    ("name", "value"), [("top_n", "3.5"), ("max_reject_ratio", "a lot"), ("audit_all", "perhaps")]
)
def test_a_value_of_another_type_is_wrong_usage(name, value):
    with pytest.raises(UsageError, match=f"^{name} is '{value}'; it must be of type "):
        parameters.check({name: value})


UNFIT = [
    ("as_of", "31-10-2025", "a day written YYYY-MM-DD"),
    ("as_of", "2025-02-29", "a day written YYYY-MM-DD"),
    ("as_of", "2025-1-5", "a day written YYYY-MM-DD"),
    ("as_of", "20251031", "a day written YYYY-MM-DD"),
    ("as_of", "", "a day written YYYY-MM-DD"),
    ("window_days", "0", "a whole number from 1 to 999,999,999"),
    ("window_days", "1000000000", "a whole number from 1 to 999,999,999"),
    ("top_n", "-1", "a whole number from 1 to 999,999,999"),
    ("max_reject_ratio", "nan", "a share from 0 to 1"),
    ("max_reject_ratio", "inf", "a share from 0 to 1"),
    ("max_reject_ratio", "1.01", "a share from 0 to 1"),
    ("max_reject_ratio", "-0.01", "a share from 0 to 1"),
    ("engine", "polars", "pandas, dask or both"),
    ("engine", "sql", "pandas, dask or both"),
    ("on_refused", "maybe", "stop or skip"),
]


@pytest.mark.parametrize(("name", "value", "what"), UNFIT)
def test_a_value_that_does_not_fit_is_wrong_usage_however_it_is_given(name, value, what):
    with pytest.raises(UsageError, match=f"^{name}: '{value}' is not {what}$"):
        parameters.check({name: value})
    for given in (["-p", f"{name}={value}"], [f"--{name.replace('_', '-')}", value]):
        result = CliRunner().invoke(main, ["report", *given])
        assert result.exit_code == 2
        assert f"'{value}' is not {what}" in result.output


@pytest.mark.parametrize(
    ("name", "value", "fit"),
    [
        ("as_of", "2025-10-31", "2025-10-31"),
        ("window_days", "1", 1),
        ("top_n", 999_999_999, 999_999_999),
        ("max_reject_ratio", "0", 0.0),
        ("max_reject_ratio", 1, 1.0),
        ("engine", "both", "both"),
        ("on_refused", "skip", "skip"),
    ],
)
def test_values_at_the_edge_fit(name, value, fit):
    found = [given[name] for given in parameters.check({name: value}).values() if name in given]
    assert found
    assert {(type(one), one) for one in found} == {(type(fit), fit)}


def test_every_parameter_has_a_rule_or_no_wrong_value():
    declared = {name for step in STEPS for name in parameters.declared(step)}
    assert declared == {*parameters.RULES, "audit_all"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [("topn", "did you mean top_n? There"), ("As_Of", "did you mean as_of? There"), ("x", "there")],
)
def test_an_unknown_name_is_wrong_usage_and_the_nearest_and_all_known_ones_are_named(name, meant):
    with pytest.raises(UsageError) as refused:
        parameters.check({name: 3})
    known = sorted({*parameters.RULES, "audit_all"})
    assert str(refused.value) == f"no notebook has the parameter {name!r}; {meant} are: {', '.join(known)}"
