"""The steps of a run: five notebooks, in the order of their names."""

from akasa.workspace.settings import ROOT

NOTEBOOKS = ROOT / "notebooks"
START = "00_start"  # what JupyterLab opens first; no step of a run
STEPS = ("01_ingest", "02_validate", "03_kpis_sql", "04_kpis_memory", "05_report")
