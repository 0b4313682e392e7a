"""A workspace from deliveries to its page, in this process and without notebooks."""

from lib.drops import no_audit

from akasa import ingest, kpis, publish, report
from akasa.kpis.definitions import TOP_N, WINDOW_DAYS
from akasa.stores import migrate


def proved(settings, engine="pandas", as_of=None, window_days=WINDOW_DAYS, top_n=TOP_N):
    """Publish what lies there, compute and compare; return the manifest and the proof."""
    migrate.upgrade(settings)
    manifest = ingest.stage_all(settings)
    publish.publish(settings, auditor=no_audit)
    for each in ("sql", *(("pandas", "dask") if engine == "both" else (engine,))):
        day = kpis.last_day(settings, each, as_of)
        kpis.write_results(
            settings, kpis.compute(settings, each, day, window_days, top_n), day, window_days, top_n
        )
    return manifest, kpis.prove(settings, engine)


def page(settings, **options):
    """Write the page of what lies there; return its path."""
    report.write_page(settings, *proved(settings, **options))
    return settings.output_dir / "index.html"
