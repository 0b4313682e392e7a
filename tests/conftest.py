"""What every test stands on: no setting of the developer's machine, and folders of its own."""

import os
from pathlib import Path

import hypothesis
import pytest

from akasa import settings
from akasa.settings import Settings

# The first example of a test pays for imports, and machines differ: no deadline.
hypothesis.settings.register_profile("akasa", deadline=None)
hypothesis.settings.load_profile("akasa")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name.upper() for name in Settings.model_fields}
    for name in [name for name in os.environ if name.upper() in known]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AKASA_ENV_FILE", os.devnull)


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Settings whose data and outputs lie below tmp_path; what a test starts sees the same ones."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "outputs"))
    for folder in ("data/incoming", "outputs"):
        (tmp_path / folder).mkdir(parents=True)
    return settings.load()
