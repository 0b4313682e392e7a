"""Hypothesis where an example is several runs: few of them in `make test`, many in the long proof."""

import pytest
from hypothesis import HealthCheck, given, settings


def in_few(*strategies):
    """Make a test of a function, of a few examples."""
    return _of(3, pytest.mark.slow, strategies)


def in_many(*strategies):
    """Make a long proof of it, of many more."""
    return _of(6, pytest.mark.long, strategies)


def _of(examples, mark, strategies):
    slowly = settings(deadline=None, max_examples=examples, suppress_health_check=[HealthCheck.too_slow])
    return lambda function: mark(slowly(given(*strategies)(function)))
