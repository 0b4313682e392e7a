"""The notebook of a failed step is kept, in the place of an earlier one and of nothing else."""

import stat

import nbformat
from lib import audited

from akasa.run import failed
from akasa.validate import audits


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


def test_where_the_last_audit_failed_its_data_docs_are_kept_beside_it(workspace):
    audits.keep(workspace, audited.broken(audited.audit(), "No amount is below zero", ("O-1", "-5")))
    page = failed.keep(
        workspace, "02_validate", "GateStopped: the audit failed", workspace.data_dir / "absent"
    )
    assert 'href="data_docs/index.html"' in page.read_text("utf-8")
    docs = page.parent / "data_docs"
    assert "-5" in (docs / "validations/000001-orders.html").read_text("utf-8")
    assert not [file for file in docs.rglob("*.html") if "Report</a>" in file.read_text("utf-8")]
    audits.keep(workspace, audited.audit())
    later = failed.keep(workspace, "03_kpis_sql", "KernelDied: memory", workspace.data_dir / "absent")
    assert "data_docs" not in later.read_text("utf-8")
    assert not docs.exists()
    (workspace.audits / "000002.json").write_text("{")
    assert failed.keep(
        workspace, "02_validate", "ValueError: no audit", workspace.data_dir / "absent"
    ).exists()
