"""The rows of each KPI that moved: before, after, and the causes, which have to add up to the difference."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from akasa.changes import events
from akasa.changes.events import Deliveries
from akasa.changes.kept import State
from akasa.changes.moves import Moves
from akasa.kpis.definitions import DEFINITIONS
from akasa.kpis.results import rupees

MOST_ROWS = 1000  # of a KPI; how many more moved is told
MOST_IDS = 5
Row = dict[str, Any]
# What is added up in each KPI: its columns, and what an event calls them. Averages follow from these.
ADDED = {
    "monthly_trends": {"order_count": "orders", "total_revenue": "paise"},
    "regional_revenue": {"customer_count": "customers", "order_count": "orders", "total_revenue": "paise"},
    "repeat_customers": {"order_count": "orders"},
    "top_spenders": {"order_count": "orders", "total_spent": "paise"},
}
ORDERS_TURN = ("new", "corrected", "withdrawn")
_GROUP = ["key", "cause", "why", "delivery", "other"]


@dataclass(frozen=True)
class Explained:
    """The events of a KPI, and what rows that a file does not list add up to: `outside` (before, after)."""

    events: pd.DataFrame
    outside: tuple[pd.DataFrame, pd.DataFrame]


def of_kpis(before: State, after: State, moves: Moves, deliveries: Deliveries) -> Iterator[Row]:
    """Yield each KPI with the rows that moved; of KPIs that nobody explains, without causes."""
    explained = {kpi: partial(explain, moves, deliveries) for kpi, explain in _EXPLAINED.items()}
    for kpi in DEFINITIONS:
        if kpi in before.results and kpi in after.results:
            known = explained[kpi](before, after) if kpi in explained else None
            yield of_kpi(kpi, before, after, known, moves, deliveries)


def of_kpi(
    kpi: str, before: State, after: State, known: Explained | None, moves: Moves, deliveries: Deliveries
) -> Row:
    """Return a KPI's rows that moved, what is not explained first, then by how far they moved."""
    sides = [keyed(kpi, one.results[kpi]) for one in (before, after)]
    differing = _differing(*sides)
    unexplained = _unexplained(kpi, sides, known) if known else pd.DataFrame(index=pd.Index([], name="key"))
    keys = differing.union(unexplained.index)
    order = _by_size(kpi, sides, keys, unexplained.index)
    told = known.events[known.events["key"].isin(order[:MOST_ROWS])] if known else None
    causes = _causes(kpi, told) if told is not None else {}
    return {
        "kpi": kpi,
        "moved": len(keys),
        "left_out": max(0, len(keys) - MOST_ROWS),
        "explained": known is not None,
        "unexplained": len(unexplained),
        "rows": [
            _row(kpi, key, sides, known, causes.get(key, []), unexplained, (moves, deliveries))
            for key in order[:MOST_ROWS]
        ],
    }


def keyed(kpi: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a KPI's frame by its key as one text: a region, `2025-10`, a customer's id."""
    columns = [frame[name].astype("str").str.zfill(2) for name in DEFINITIONS[kpi].key]
    return (
        frame.set_index(columns[0].str.cat(columns[1:], sep="-").rename("key"))
        if len(columns) > 1
        else (frame.set_index(frame[DEFINITIONS[kpi].key[0]].astype("str").rename("key")))
    )


def _differing(before: pd.DataFrame, after: pd.DataFrame) -> "pd.Index[str]":
    both = pd.concat([before.reset_index(), after.reset_index()])
    return pd.Index(both.drop_duplicates(keep=False)["key"].unique(), name="key")


def _unexplained(kpi: str, sides: list[pd.DataFrame], known: Explained) -> pd.DataFrame:
    """Return in which rows, and by how much, the causes do not add up to the difference."""
    added = ADDED[kpi]
    sums = known.events.groupby("key")[[*added.values()]].sum()
    keys = sums.index.union(sides[0].index).union(sides[1].index)
    if kpi == "top_spenders":  # of others, only that they are not listed is known
        keys = sides[0].index.union(sides[1].index)
    values = [_values(side, outside, added, keys) for side, outside in zip(sides, known.outside, strict=True)]
    left = (
        values[1] - values[0] - sums.reindex(keys, fill_value=0)[[*added.values()]].set_axis([*added], axis=1)
    )
    return left[(left != 0).any(axis=1)]


def _values(
    side: pd.DataFrame, outside: pd.DataFrame, added: dict[str, str], keys: "pd.Index[str]"
) -> pd.DataFrame:
    listed = side[[*added]]
    rest = outside.rename(columns={of: name for name, of in added.items()}).reindex(columns=[*added])
    others = rest[~rest.index.isin(listed.index)].astype("int64")
    return pd.concat([listed, others]).reindex(keys, fill_value=0)


def _by_size(kpi: str, sides: list[pd.DataFrame], keys: "pd.Index[str]", first: "pd.Index[str]") -> list[str]:
    """Return the keys by how far their rows moved, in money where there is any."""
    column = [*ADDED.get(kpi, {})][-1:] or list(DEFINITIONS[kpi].of_kind("paise"))[:1]
    size = pd.Series(0, keys)
    if column:
        then, now = (side[column[0]].reindex(keys, fill_value=0) for side in sides)
        size = (now - then).abs()
    ranked = pd.DataFrame({"known": ~keys.isin(first), "size": -size, "id": keys}, index=keys)
    return list(ranked.sort_values(["known", "size", "id"])["id"])


def _row(
    kpi: str,
    key: str,
    sides: list[pd.DataFrame],
    known: Explained | None,
    causes: list[Row],
    unexplained: pd.DataFrame,
    told_by: tuple[Moves, Deliveries],
) -> Row:
    definition = DEFINITIONS[kpi]
    before, after = (side.loc[key] if key in side.index else None for side in sides)
    columns = [name for name in definition.columns if name not in definition.key]
    values = {
        name: None if row is None else {column: _plain(kpi, column, row[column]) for column in columns}
        for name, row in (("before", before), ("after", after))
    }
    outside = {
        f"outside_{name}": _amounts(kpi, known.outside[side].loc[key])
        for side, name in enumerate(("before", "after"))
        if known and values[name] is None and key in known.outside[side].index
    }
    of_key = after if after is not None else before
    left = unexplained.loc[key] if key in unexplained.index else {}
    return {
        "key": {
            name: _plain(kpi, name, of_key[name]) if of_key is not None else key for name in definition.key
        },
        **values,
        **outside,
        "causes": [*causes, *_renamed(kpi, key, before, after, *told_by)],
        "unexplained": {name: _plain(kpi, name, value) for name, value in dict(left).items() if value},
    }


def _causes(kpi: str, told: pd.DataFrame) -> dict[str, list[Row]]:
    """Return the causes of each row, from its events: what was done to orders, and what stayed and moved."""
    added = ADDED[kpi]
    words = told.assign(**{name: told[name].fillna("") for name in _GROUP[1:]})
    sums = words.groupby(_GROUP, sort=True)[[*added.values()]].sum()
    ones = words.groupby(_GROUP, sort=True).agg(
        events=("cause", "size"), was=("was", "first"), now=("now", "first")
    )
    by_thing = words.dropna(subset="thing").groupby([*_GROUP, "thing"], sort=True)[[*added.values()]].sum()
    turned = by_thing.index.get_level_values("cause").isin(ORDERS_TURN)
    things = by_thing[turned | (by_thing != 0).any(axis=1).to_numpy()].reset_index("thing")["thing"]
    counts = things.groupby(level=_GROUP).size()
    firsts = things.groupby(level=_GROUP).head(MOST_IDS).groupby(level=_GROUP).agg(list)
    found: dict[str, list[Row]] = {}
    for group, amounts, one in zip(
        sums.index, sums.itertuples(index=False), ones.itertuples(index=False), strict=True
    ):
        key, cause, *others = group
        if cause in ORDERS_TURN or any(amounts):
            named = dict(zip(_GROUP[2:], (other or None for other in others), strict=True))
            values = {name: _plain(kpi, name, value) for name, value in zip(added, amounts, strict=True)}
            first = {"things": int(counts.get(group, 0)), "first": firsts.get(group, [])}
            is_one = cause == "corrected" and one.events == 1
            amended = {"was": rupees(int(one.was)), "now": rupees(int(one.now))} if is_one else {}
            found.setdefault(key, []).append({"cause": cause, **named, **values, **first, **amended})
    return found


def _renamed(
    kpi: str, key: str, before: Any, after: Any, moves: Moves, deliveries: Deliveries
) -> Iterator[Row]:
    """Yield that a customer has another name, number or region, by which delivery."""
    texts = [name for name in DEFINITIONS[kpi].of_kind("text") if name not in DEFINITIONS[kpi].key]
    if DEFINITIONS[kpi].key != ("customer_id",) or before is None or after is None:
        return
    other = [name for name in texts if before[name] != after[name]]
    if other:
        versions = moves.customers[moves.customers["customer_id"] == key]
        told = deliveries.of(versions["delivery_id_0"], versions["delivery_id_1"]).to_dict("records")
        by = {name: _or_none(word) for name, word in (told[0] if told else {}).items()}
        yield {"cause": "customer changed", **by, "columns": other}


def _plain(kpi: str, column: str, value: Any) -> Any:
    """Return a value as the KPI's JSON file has it, money as text with two decimals."""
    match DEFINITIONS[kpi].columns[column]:
        case "paise":
            return rupees(int(value))
        case "count":
            return int(value)
        case "date":
            return str(value)[:10]
    return str(value)


def _amounts(kpi: str, row: "pd.Series[Any]") -> Row:
    return {name: _plain(kpi, name, row[of]) for name, of in ADDED[kpi].items() if of in row.index}


def _or_none(value: Any) -> Any:
    return None if pd.isna(value) else value


def _of_regions(moves: Moves, deliveries: Deliveries, before: State, after: State) -> Explained:
    return Explained(events.by_region(moves, deliveries), (_none(), _none()))


def _of_months(moves: Moves, deliveries: Deliveries, before: State, after: State) -> Explained:
    return Explained(events.by_month(moves, deliveries), (_none(), _none()))


def _of_repeats(moves: Moves, deliveries: Deliveries, before: State, after: State) -> Explained:
    """One order is no repeat: who is not listed has one or none. What an order came to is none of its."""
    known = events.before_and_after(moves, "counts")
    outside = [_side(known, side) for side in (0, 1)]
    few = tuple(one[one["orders"] <= 1] for one in outside)
    found = events.by_owner(moves, deliveries, "counts")
    return Explained(found[found["orders"] != 0], (few[0], few[1]))


def _of_spenders(moves: Moves, deliveries: Deliveries, before: State, after: State) -> Explained:
    """Who is not listed spent no more than the last one who is, or nothing."""
    known = events.before_and_after(moves, "recent")
    sides = [_behind(_side(known, side), state) for side, state in enumerate((before, after))]
    return Explained(events.by_owner(moves, deliveries, "recent"), (sides[0], sides[1]))


def _behind(known: pd.DataFrame, state: State) -> pd.DataFrame:
    listed = state.results["top_spenders"]
    if len(listed) < state.parameters.top_n:
        return known[known["orders"] == 0]
    last = listed.iloc[-1]
    same = known["paise"].eq(last["total_spent"]) & (known.index > last["customer_id"])
    return known[known["paise"].lt(last["total_spent"]) | same]


def _side(known: pd.DataFrame, side: int) -> pd.DataFrame:
    return known[[f"orders_{side}", f"paise_{side}"]].set_axis(["orders", "paise"], axis=1)


def _none() -> pd.DataFrame:
    """Return that a KPI lists every row that it has."""
    return pd.DataFrame(columns=["orders", "paise", "customers"], index=pd.Index([], dtype="str", name="key"))


_EXPLAINED: dict[str, Callable[[Moves, Deliveries, State, State], Explained]] = {
    "monthly_trends": _of_months,
    "regional_revenue": _of_regions,
    "repeat_customers": _of_repeats,
    "top_spenders": _of_spenders,
}
