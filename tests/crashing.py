"""A process that forks runs of the whole road for each line of its input, so that tests can kill many.

Run as a script: reads lines `<list of environments as JSON>`, forks a run for each, all at once, and answers
with the list of their exit statuses.
"""

import json
import os
import queue
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pyarrow.compute as pc

from akasa import (
    backfill,
    cleaning,
    database,
    kpis,
    migrate,
    outputs,
    pipeline,
    publish,
    report,
    settings,
    staging,
)
from akasa.settings import Settings


def whole_road():
    """Do in one process what the notebooks and the pipeline do with the drop folders."""
    import akasa.kpis.memory
    import akasa.kpis.sql  # noqa: F401

    chosen = settings.load()
    with pipeline.alone(chosen):
        publish_and_report(chosen)


def publish_and_report(chosen):
    migrate.upgrade(chosen)
    manifest = staging.stage_all(chosen)
    planned = publish.plan(manifest, database.ledger(chosen), publish.today(chosen))
    assessed = [publish.assess(chosen, one) for one in publish.due(planned)]
    publish.write_rejects(chosen, assessed)
    tables = publish.latest(assessed, chosen.amount_is)
    publish.commit(chosen, assessed, tables, replace_all=publish.moved(planned))
    day = database.latest_order_date(chosen)
    with pipeline._private_folder(chosen.output_dir) as private:
        to_private = Settings.model_validate({**chosen.model_dump(), "output_dir": private})
        report.write_results(to_private, kpis.compute(kpis.load(("sql", "pandas"), chosen), day))
        outputs.promote(private, chosen.output_dir)


def backfill_of_august():
    """Derive August again under rules that add a rupee to each amount and take a bad count for one."""
    amounts, counts = cleaning.amounts, cleaning.counts
    cleaning.amounts = lambda text: pc.add(amounts(text), 100)
    cleaning.counts = lambda text: pc.fill_null(counts(text), 1)
    chosen = settings.load()
    with pipeline.alone(chosen):
        backfill.commit(chosen, backfill.derive(chosen, date(2025, 8, 1), date(2025, 8, 31)))


ROADS = {"publish": whole_road, "backfill": backfill_of_august}


class Runs:
    """The forking process. `run(environment)` gives the exit status of a run, or minus its signal;
    `at_once(environments)` those of several that run at the same time.
    """

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(pipeline.__file__).parent.parent)},
        )

    def run(self, environment):
        (status,) = self.at_once([environment])
        return status

    def at_once(self, environments):
        self.process.stdin.write(json.dumps(environments) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


class Pool:
    """Several forking processes; `run` takes a free one, `map` keeps all of them busy."""

    def __init__(self, number):
        self.number, self.free = number, queue.Queue()
        for _ in range(number):
            self.free.put(Runs())

    def run(self, environment):
        (status,) = self.at_once([environment])
        return status

    def at_once(self, environments):
        taken = self.free.get()
        try:
            return taken.at_once(environments)
        finally:
            self.free.put(taken)

    def map(self, function, things):
        with ThreadPoolExecutor(self.number) as threads:
            return list(threads.map(function, things))

    def close(self):
        for _ in range(self.number):
            self.free.get().close()


def main():
    import great_expectations  # noqa: F401  (takes seconds: once here, not in each fork)

    for line in sys.stdin:
        children = [forked(environment) for environment in json.loads(line)]
        print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children], flush=True)


def forked(environment):
    child = os.fork()
    if child == 0:
        os.environ.update(environment)
        try:
            ROADS[os.environ.get("ROAD", "publish")]()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return child


if __name__ == "__main__":
    main()
