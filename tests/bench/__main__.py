"""`make bench [SIZE=1000000] [RUNS=3]`: print the tables, and write them as JSON below outputs/bench/."""

import json
import os
import platform
import sys
from importlib.metadata import version

import mariadb
import pandas as pd

from akasa.settings import ROOT
from bench import loads

PACKAGES = ("pandas", "pyarrow", "sqlalchemy", "pymysql")


def main(size: int, runs: int) -> None:
    mariadb.required()
    rows = loads.measure(size, runs)
    print(f"publishing {size:,} orders, medians of {runs} runs; ratio to the first of each database\n")
    print(pd.DataFrame(rows).to_string(index=False))
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    versions = {name: version(name) for name in PACKAGES}
    file = ROOT / "outputs" / "bench" / "loads.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"machine": machine, "versions": versions, "loads": rows}, indent=1), "utf-8")
    print(f"\nwrote {file.relative_to(ROOT)}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
