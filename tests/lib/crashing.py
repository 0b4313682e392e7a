"""A process that forks runs of the whole road for each line of its input, so that tests can kill many.

`main` reads lines `<list of environments as JSON>`, forks a run for each, all at once, and answers
with the list of their exit statuses.
"""

import json
import os
import subprocess
import sys
import traceback
from datetime import UTC, date
from pathlib import Path

import pyarrow.compute as pc
from lib import audited, drops

from akasa.ingest import staging
from akasa.kpis import engines, pandas, results, sql  # noqa: F401
from akasa.publish import backfill, road, withdraw
from akasa.run import pipeline
from akasa.stores import database, lock
from akasa.validate import cleaning, data_docs, gate, rules
from akasa.workspace import promotion, settings
from akasa.workspace.settings import Settings


def whole_road():
    """Do in one process what the notebooks and the pipeline do with the drop folders."""
    chosen = settings.load()
    with lock.run(chosen):
        publish_and_report(chosen)


def publish_alone():
    """Publish what lies in the drop folders, unaudited, and nothing else."""
    chosen = settings.load()
    with lock.run(chosen):
        staging.stage_all(chosen)
        road.publish(chosen, auditor=drops.no_audit)


def publish_and_report(chosen):
    """Publish what lies in the drop folders, and write the KPI files of SQL and pandas."""
    staging.stage_all(chosen)
    road.publish(chosen)
    day = database.latest_order_date(chosen)
    with promotion.private_folder(chosen.output_dir) as private:
        to_private = Settings.model_validate({**chosen.model_dump(), "output_dir": private})
        for engine in ("sql", "pandas"):
            results.write_results(to_private, engines.compute(chosen, engine, day), day)
        promotion.promote(private, chosen.output_dir, {"run": "R"})


def other_rules():
    """Add a rupee to each amount and take a bad count for one, from now on."""
    amounts, counts = cleaning.amounts, cleaning.counts
    cleaning.amounts = lambda text: pc.add(amounts(text), 100)
    cleaning.counts = lambda text: pc.fill_null(counts(text), 1)
    rules.RULES_VERSION += 1


def backfill_of_august():
    """Derive August again under other rules."""
    other_rules()
    chosen = settings.load()
    with lock.run(chosen):
        backfill.commit(chosen, backfill.derive(chosen, date(2025, 8, 1), date(2025, 8, 31)))


def backfill_of_all():
    """Derive everything again under other rules."""
    other_rules()
    chosen = settings.load()
    with lock.run(chosen):
        backfill.commit(chosen, backfill.derive_all(chosen))


def withdrawal_of_a_day():
    """Take back the orders of a later day; a second time, complete what was done of it."""
    chosen = settings.load()
    with lock.run(chosen):
        try:
            withdraw.commit(chosen, withdraw.derive(chosen, "incoming/orders_2025-11-12.xml"))
        except withdraw.TakenBack:
            withdraw.finish(chosen)


ROADS = {
    "publish": whole_road,
    "publish alone": publish_alone,
    "backfill": backfill_of_august,
    "backfill all": backfill_of_all,
    "withdraw": withdrawal_of_a_day,
}


# In a run's environment: Great Expectations audits it, which takes as long as all the rest.
WHOLE_AUDIT = {"WHOLE_AUDIT": "1"}
# What a run spares itself is spared here: it takes seconds.
_MAIN = "from akasa.run import warm; warm.spare(); from lib import crashing; crashing.main()"
_FOLDERS = (Path(pipeline.__file__).parents[2], Path(__file__).parents[1])


class Runs:
    """The forking process, which has imported what takes long."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", _MAIN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, _FOLDERS))},
        )

    def run(self, environment):
        """Return the exit status of a run with this environment, or minus the signal that killed it."""
        (status,) = self.at_once([environment])
        return status

    def at_once(self, environments):
        """Return the statuses of runs that go on at the same time."""
        self.process.stdin.write(json.dumps(environments) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def main():
    """Fork runs for each line of the input, and answer with a line."""
    import great_expectations  # noqa: F401  (takes seconds: once here, not in each fork)

    data_docs.pages([], UTC)  # its templates are compiled, too
    for line in sys.stdin:
        children = [forked(environment) for environment in json.loads(line)]
        print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children], flush=True)


def forked(environment):
    """Fork a run of the road that the environment names; return its process id."""
    child = os.fork()
    if child == 0:
        os.environ.update(environment)
        if not WHOLE_AUDIT.keys() & environment.keys():
            gate.audit = audited.quick
        try:
            ROADS[os.environ.get("ROAD", "publish")]()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return child
