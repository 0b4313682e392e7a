"""What may pass by itself, so that trying again later helps: a server that is away, or another one's turn.

Nothing else does. A delivery that the gate stopped stays as it is, two engines go on to disagree, and a wrong
password would lock its user out. A notebook's error is known here by its class and its words alone.
"""

import re

from akasa.run import way_out
from akasa.run.told import StepFailed
from akasa.workspace import secrets_manager, storage

# Of MySQL's and its driver's errors: too many connections, shutting down, nobody answers, hung up, cut off.
_SERVER_AWAY = r"\b(?:1040|1053|1203|1927|2002|2003|2006|2013|2055)\b"
_PASSES = {
    "DatabaseUnavailable": rf"\(error {_SERVER_AWAY}\)",
    "OperationalError": rf"OperationalError\) \({_SERVER_AWAY},",
    "InterfaceError": r"InterfaceError\) \(0,",
    "LockLost": r"the server ended the connection",
    "StorageUnavailable": "|".join(map(re.escape, storage.AWAY)),
    "PublishFailed": "|".join(map(re.escape, storage.AWAY)),
    "ClusterUnavailable": r"no Dask scheduler answers|went away during the run|has had no worker",
    "SettingsError": "|".join(re.escape(one.partition("{")[0]) for one in secrets_manager.AWAY),
    "Busy": r"",
}


def passes(error: Exception) -> bool:
    """Say whether what stopped a run may pass by itself."""
    kind, said = told(error)
    return kind in _PASSES and re.search(_PASSES[kind], said) is not None


def told(error: Exception) -> tuple[str, str]:
    """Return an error's class and its words; of a notebook that failed, those of its cell."""
    if isinstance(error, StepFailed):
        kind, _, said = error.cause.partition(": ")
        return kind, said
    first = error.args[0] if isinstance(error, LookupError) and error.args else error
    return type(error).__name__, str(first)


def is_ours(error: Exception) -> bool:
    """Say whether an error is one whose words are for people; a bug's traceback is for who mends it."""
    kind = type(error)
    ours = kind.__module__.startswith("akasa.") or kind.__name__ in way_out.KINDS
    return ours or kind in (LookupError, ValueError, RuntimeError)
