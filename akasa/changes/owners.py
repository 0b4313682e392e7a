"""Whose an order is, by the number and the day, as one of two states has it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa

from akasa.changes.kept import State
from akasa.kpis.definitions import named

_DAYS = 2**23  # more than twice the days of all years


@dataclass(frozen=True)
class Owners:
    """Who holds which number when, and where customers are."""

    state: State

    @cached_property
    def held(self) -> pd.DataFrame:
        """The holdings by number and day, numbers as whole numbers."""
        held = self.state.holdings
        rows = held.assign(number=whole(held["mobile_number"]))
        moment = _moment(rows["number"], rows["from_day"])
        return rows.assign(moment=moment).sort_values("moment", ignore_index=True)

    @cached_property
    def region(self) -> "pd.Series[str]":
        """customer_id → region."""
        return self.state.customers.set_index("customer_id")["region"]

    @cached_property
    def changing(self) -> pa.Array:
        """The numbers that ever changed hands."""
        numbers = self.held["number"]
        return pa.array(numbers[numbers.duplicated()].unique(), pa.int64())

    def of(self, number: "pd.Series[int]", day: "pd.Series[pd.Timestamp]") -> pd.DataFrame:
        """Return owner, region (as the KPI has it) and position of the claim; null where nobody holds it."""
        place = np.searchsorted(self.held["moment"].to_numpy(), _moment(number, day), side="right") - 1
        found = self.held.reindex(np.where(place >= 0, place, -1)).set_axis(number.index)
        its = found.where(found["number"] == number)
        owner, position = its["customer_id"].astype("str"), its["position"].astype("str")
        region = named(owner.map(self.region).astype("str"))
        return pd.DataFrame({"owner": owner, "region": region, "position": position})

    def numbers_of(self, customers: "pd.Series[str]") -> "pd.Series[int]":
        """Return all numbers that customers ever held."""
        return self.held["number"][self.held["customer_id"].isin(customers)]

    def holders_of(self, numbers: "pd.Series[int]") -> "pd.Series[str]":
        """Return all who ever held one of the numbers."""
        return self.held["customer_id"][self.held["number"].isin(numbers)]


def whole(numbers: "pd.Series[str]") -> "pd.Series[int]":
    """Return numbers of ten digits as whole numbers."""
    return pd.Series(pa.array(numbers, pa.string()).cast(pa.int64()).to_numpy(), index=numbers.index)


def _moment(number: "pd.Series[int]", day: "pd.Series[pd.Timestamp]") -> np.ndarray:
    since = day.to_numpy().astype("datetime64[D]").astype("int64") + _DAYS // 2
    moments: np.ndarray = number.to_numpy().astype("int64") * _DAYS + since
    return moments
