import pytest

from akasa.run import parameters
from akasa.run.parameters import UsageError


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


def test_an_unknown_name_is_wrong_usage_and_the_known_ones_are_listed():
    with pytest.raises(UsageError, match="'topn'; there are: as_of, audit_all, engine"):
        parameters.check({"topn": 3})
