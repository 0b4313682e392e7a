"""A process that forks a run of the whole road for each line of its input, so that tests can kill many.

Run as a script: reads lines `<environment as JSON>`, forks, and answers with the run's exit status.
"""

import json
import os
import queue
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from akasa import database, kpis, migrate, outputs, pipeline, publish, report, settings, staging
from akasa.settings import Settings


def whole_road():
    """Do in one process what the notebooks and the pipeline do with the drop folders."""
    import akasa.kpis.memory
    import akasa.kpis.sql  # noqa: F401

    chosen = settings.load()
    pipeline.sweep(chosen)
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


class Runs:
    """The forking process. `run(environment)` gives the exit status of a run, or minus its signal."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(pipeline.__file__).parent.parent)},
        )

    def run(self, environment):
        self.process.stdin.write(json.dumps(environment) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

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
        taken = self.free.get()
        try:
            return taken.run(environment)
        finally:
            self.free.put(taken)

    def map(self, function, things):
        with ThreadPoolExecutor(self.number) as threads:
            return list(threads.map(function, things))

    def close(self):
        for _ in range(self.number):
            self.free.get().close()


def main():
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.environ.update(json.loads(line))
            whole_road()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
