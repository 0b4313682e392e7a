"""`python` for commands of a page: akasa runs its notebooks without kernels, all else is as it is."""

import os
import sys


def main():
    if sys.argv[1:3] != ["-m", "akasa"]:
        os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
    from akasa.run import warm

    warm.spare()  # as in a run, before what it spares is imported
    from lib import inprocess

    from akasa.__main__ import main as akasa
    from akasa.run.steps import NOTEBOOKS

    sys.argv[:3] = ["akasa"]
    with inprocess.steps(NOTEBOOKS, [], keeping=True):
        akasa(prog_name="akasa")


if __name__ == "__main__":
    main()
