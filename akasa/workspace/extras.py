"""How to have what only an extra of ours brings: by make in a checkout, else by pip."""

from pathlib import Path

_OF_CHECKOUT = Path(__file__).resolve().parents[2] / ".ci/venv"


def how_to_have(extra: str) -> str:
    """Return the command that installs an extra of pyproject.toml's."""
    return f"make env EXTRA={extra}" if _OF_CHECKOUT.exists() else f"pip install 'akasa[{extra}]'"
