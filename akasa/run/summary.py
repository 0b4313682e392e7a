"""What a scheduler shows of a run: its answer and where the page lies, its steps, KPIs that name nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from akasa.kpis import results
from akasa.kpis.definitions import DEFINITIONS
from akasa.report import formats
from akasa.run import passing, way_out
from akasa.run.parameters import RULES
from akasa.run.told import Ended, StepFailed
from akasa.workspace import clock, masking, promotion
from akasa.workspace.settings import Settings

_OF_NOBODY = ("monthly_trends", "regional_revenue")  # the others name customers
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Summary:
    """A run's answer in one line, the same with links as Markdown, and tables: a row a step, KPIs' rows."""

    answer: str
    markdown: str
    steps: Rows
    kpis: Mapping[str, Rows]


def of_run(settings: Settings, ended: Sequence[Ended], page: Path) -> Summary:
    """Return what is shown of a run whose outputs are in place."""
    about = promotion.told(settings.output_dir) or {}
    answer = masking.shown(str(about.get("answer")))
    links = [f"[{name}]({where})" for name, where in _places(settings, about, page).items()]
    markdown = f"**{answer}**\n\nOpen the report: {', '.join(links)}"
    return Summary(
        answer, markdown, [_step(one) for one in ended], {k: _rows(settings, k) for k in _OF_NOBODY}
    )


def of_failure(error: Exception) -> str:
    """Return as Markdown what stopped a run, the page to open, and the ways out."""
    kind, said = passing.told(error)
    step = f"**{error.step}** failed.\n\n" if isinstance(error, StepFailed) else ""
    saved = f"\n\nOpen [its notebook]({error.saved.as_uri()})." if isinstance(error, StepFailed) else ""
    ways = "\n".join(f"- {_way(way)}" for way in way_out.ways(kind, said))
    return masking.shown(f"{step}{cause(error)}{saved}\n\nTo go on:\n\n{ways}")


def cause(error: Exception) -> str:
    """Return in one text what stopped a run: the step, if it was one, and the error's class and words.

    >>> cause(StepFailed("02_validate", "GateStopped: too many rejected", Path("02_validate.html")))
    '02_validate: GateStopped: too many rejected'
    """
    kind, said = passing.told(error)
    of_step = f"{error.step}: " if isinstance(error, StepFailed) else ""
    return masking.shown(f"{of_step}{kind}: {said}")


def _way(way: way_out.Way) -> str:
    """Return a way out in words; what is no parameter of a run is a setting, in capitals.

    >>> _way(way_out.Way("mend the delivery, then"))
    'mend the delivery, then run it again'
    >>> _way(way_out.Way("or wait longer", {"LOCK_TIMEOUT": "600"}))
    'or wait longer: run it again with `LOCK_TIMEOUT=600`'
    """
    given = {name.lower() if name.lower() in RULES else name: one for name, one in way.changes.items() if one}
    changes = ", ".join(f"`{name}={value}`" for name, value in given.items())
    again = f"run it again with {changes}" if changes else "run it again"
    return f"{way.words}{'' if way.words.endswith('then') else ':'} {again}"


def _places(settings: Settings, about: Mapping[str, Any], page: Path) -> dict[str, str]:
    published = f"{settings.publish_url}/{about.get('run')}/index.html"
    return {page.name: page.as_uri(), **({published: published} if settings.publish_url else {})}


def _step(ended: Ended) -> dict[str, Any]:
    seconds = clock.seconds(ended.seconds)
    return {
        "step": ended.step,
        "status": ended.status,
        "seconds": seconds,
        "because": masking.shown(ended.reason),
    }


def _rows(settings: Settings, kpi: str) -> Rows:
    frame, columns = results.read_result(settings.output_dir, "sql", kpi), DEFINITIONS[kpi].columns
    shown = {name: frame[name].map(formats.indian) for name, kind in columns.items() if kind == "paise"}
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in frame.assign(**shown).to_dict("records")
    ]


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
