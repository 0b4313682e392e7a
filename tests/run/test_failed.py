"""The notebook of a failed step is kept, in the place of an earlier one and of nothing else."""

import stat

import nbformat

from akasa.run import failed


def test_the_last_failure_is_kept_and_what_others_put_there_stays(workspace):
    folder, absent = workspace.data_dir / "failed", workspace.data_dir / "absent"
    failed.keep(workspace, "01_ingest", "KernelDied: memory", absent)
    (folder / "mine.txt").write_text("mine")
    page = failed.keep(workspace, "02_validate", "GateStopped: 3 of 4", absent)
    assert {path.name for path in folder.iterdir()} == {
        *("mine.txt", "run.json", "02_validate.html", "02_validate.ipynb")
    }
    assert page == folder / "02_validate.html"
    assert "GateStopped: 3 of 4" in page.read_text("utf-8")
    cells = nbformat.read(folder / "02_validate.ipynb", as_version=4).cells
    assert cells[0].source.startswith("**This run failed here; nothing below is a result.**")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
