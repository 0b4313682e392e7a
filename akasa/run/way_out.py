"""The way out of a failure: what to do about it, and the command that goes on, by the error's name."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

MENDED = "when the cause is mended (nothing is done twice)"
_MORE = 10  # times as long, for what took too long


@dataclass(frozen=True)
class Way:
    """What to do, and then the command that was given, with other values for `changes`."""

    words: str
    changes: Mapping[str, str] = field(default_factory=dict)


def ways(kind: str, said: str) -> list[Way]:
    """Return the ways out of an error of that class with that message; the first one mends its cause."""
    first, *others = KINDS.get(kind, (MENDED,))
    mends = first if isinstance(first, Way) else Way(first)
    return [mends, *(way for find in others if (way := find(said)))]


def _named(words: str, setting: str) -> Callable[[str], Way | None]:
    """Return what finds the value of a setting that the message itself offers."""

    def find(said: str) -> Way | None:
        found = re.search(rf"\b{setting}=([\w.]*\w)", said)
        return Way(words, {setting: found[1]}) if found else None

    return find


def _longer(setting: str, pattern: str, words: str = "or give it more time") -> Callable[[str], Way | None]:
    """Return what gives more time than the seconds that the message tells."""

    def find(said: str) -> Way | None:
        found = re.search(pattern, said)
        return Way(words, {setting: f"{_MORE * float(found[1]) or 60:g}"}) if found else None

    return find


def _without_dask(said: str) -> Way | None:
    of_no_engine = re.search(r"to be (?:judged|read|written) there", said)
    return None if of_no_engine else Way("or do without it", {"ENGINE": "pandas"})


_SECONDS = r"([\d.]+) s\b"
_AGAIN = "nothing was published; run it again"
KINDS: dict[str, tuple[str | Way, *tuple[Callable[[str], Way | None], ...]]] = {
    "GateStopped": (
        "mend the delivery, then",
        _named("or let it through", "MAX_REJECT_RATIO"),
        _named("or let it through", "MAX_REPLACED_RATIO"),
    ),
    "RefusedDelivery": (
        "mend the file or take it away, then",
        _named("or publish the others", "ON_REFUSED"),
    ),
    "Disagreement": (
        "an engine has a bug, or its file was changed: mend akasa/kpis/ where the values above differ, then",
    ),
    "DatabaseUnavailable": ("start the database, or mend what the message names, then",),
    "NewerDatabase": ("use that version, then",),
    "TornDatabase": ("restore the database, then",),
    "StorageUnavailable": ("start the server, or mend what the message names, then",),
    "ForeignWarehouse": ("do what the message says, then",),
    "PublishFailed": ("mend what the message names, then",),
    "ClusterUnavailable": ("start the cluster, then", _without_dask),
    "KernelDied": ("give it more memory or deliver less at a time, where that was the cause, then",),
    "MemoryError": ("give it more memory, or deliver less at a time, then",),
    "TookTooLong": (
        "find out what it waited for, then",
        _longer("CELL_TIMEOUT", rf"CELL_TIMEOUT allows \({_SECONDS}"),
        _longer("RUN_TIMEOUT", rf"RUN_TIMEOUT allows \({_SECONDS}"),
    ),
    "Busy": (
        "wait until the other run is done, then",
        _longer("LOCK_TIMEOUT", rf"waited {_SECONDS}", "or wait longer"),
    ),
    "PromotionFailed": ("let this user write there, or make room, then",),
    "Incomplete": (Way("let the steps that it rests on run, too", {"ONLY": ""}),),
    "LockLost": (_AGAIN,),
    "RunOver": (_AGAIN,),
    "Overtaken": (_AGAIN,),
    "PermissionError": ("let this user read and write there, then",),
    "FileNotFoundError": ("put the file there, or correct the setting that names it, then",),
}
