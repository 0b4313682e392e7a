"""Which steps are due, and why: those that somebody chose, and those whose outputs are no longer true.

A step whose ingredients are what they were, and whose outputs are still there, is up to date.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from akasa.run import ingredients, record
from akasa.run.ingredients import Ingredients, Look
from akasa.run.parameters import UsageError
from akasa.run.record import Made
from akasa.run.steps import STEPS
from akasa.workspace import files
from akasa.workspace.settings import Settings


@dataclass(frozen=True)
class Chosen:
    """The steps that run whether or not they are up to date; with `alone`, no other step runs."""

    steps: tuple[str, ...] = ()
    alone: bool = False


AS_DUE = Chosen()


def chosen(
    force: bool = False, start: str | None = None, only: str | None = None, known_by: date | None = None
) -> Chosen:
    """Return the steps that somebody chose: all, those from one on, or one alone.

    Raises UsageError for a step that is none, for two choices at once, and for a choice where a run of what
    was known by a day begins with nothing.
    """
    if known_by and (start or only):
        raise UsageError("--known-by runs all steps: leave out --from and --only")
    if sum(map(bool, (force, start, only))) > 1:
        raise UsageError("give one of --force, --from and --only")
    for step in filter(None, (start, only)):
        if step not in STEPS:
            raise UsageError(f"there is no step {step!r}; there are: {', '.join(STEPS)}")
    if only:
        return Chosen((only,), alone=True)
    return Chosen(STEPS[STEPS.index(start) :] if start else STEPS if force else ())


@dataclass
class Known:
    """What the outputs in place were made of (`earlier`), and what this run's are made of, so far (`made`).

    `own` are the settings with the run's private folder for outputs, `typed` the parameters of each step.
    """

    settings: Settings
    own: Settings
    typed: Mapping[str, Mapping[str, Any]]
    made: dict[str, Made] = field(default_factory=dict)

    @cached_property
    def look(self) -> Look:
        return Look(self.settings)

    @cached_property
    def earlier(self) -> Mapping[str, Made]:
        return record.read(self.settings)

    def why(self, step: str) -> str | None:
        """Say why a step is not up to date; None where it is."""
        if not self.earlier:
            return "it is the first run"
        made = self.earlier.get(step)
        if made is None:
            return "it was not run before"
        # What it writes is looked at last, for if it runs, it has to be looked at again.
        for outside in (True, False):
            now = self.ingredients(step, outside)
            changed = record.reason(record.differences(made.ingredients, now))
            if changed:
                return changed
        return record.reason(record.lost(self.settings, made))

    def lacking(self, step: str) -> str | None:
        """Say why others cannot stand on what a step left: it is not in place; None where it is."""
        made = self.earlier.get(step)
        return record.reason(record.lost(self.settings, made)) if made else "it was not run before"

    def apart(self, step: str) -> str | None:
        """Say why a step's outputs in place cannot stand beside what this run made; None where they can."""
        of, now, part = self.earlier[step].ingredients, self.ingredients(step), "left"
        return record.reason(record.differences({part: of.get(part, {})}, {part: now.get(part, {})}))

    def ingredients(self, step: str, outside: bool = False) -> Ingredients:
        """Return a step's ingredients; with `outside`, without what it writes itself.

        Each is looked at once: who asks before a step runs has them as the step finds them.
        """
        left = {name: digest for made in self.made.values() for name, digest in made.files.items()}
        without = ingredients.WRITES.get(step, ()) if outside else ()
        return ingredients.of(step, self.look, self.typed[step], left, without)

    def keep(self, step: str) -> None:
        """Note that a step's outputs stay as they are."""
        self.made[step] = self.earlier[step]

    def note(self, step: str, before: set[str]) -> None:
        """Note what a step that ran was made of, and what it left: files whose names were not `before`."""
        self.look.wrote(step)
        new = sorted(record.names(self.own) - before)
        left = {name: files.sha256(record.place(self.own, name)) for name in new}
        self.made[step] = Made(self.ingredients(step), left)

    def also(self, step: str, name: str) -> None:
        """Note that a step that ran left one file more."""
        made = self.made[step]
        digest = files.sha256(record.place(self.own, name))
        self.made[step] = Made(made.ingredients, {**made.files, name: digest})

    def kept(self) -> Iterator[str]:
        """Return the names of the files of steps that were not run."""
        for step, made in self.made.items():
            if made is self.earlier.get(step):
                yield from made.files

    def write(self, manifest: str) -> None:
        """Record what the outputs that are now in place were made of; their list is the last step's."""
        last = self.made.get(STEPS[-1])
        if last:
            listed = {manifest: files.sha256(record.place(self.settings, manifest))}
            self.made[STEPS[-1]] = Made(last.ingredients, {**last.files, **listed})
        record.write(self.settings, self.made)
