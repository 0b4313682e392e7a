"""What takes long to make, and is only read: made once a session, also by tests in several processes."""

import pickle
import shutil

from filelock import FileLock


def made_once(shared, name, make):
    """Return what `make(folder)` returned to the process that came first; the others wait for it.

    `shared` is a folder of all processes; `name` names the new folder in it that `make` may fill.
    """
    folder, made = shared / name, shared / f"{name}.pickle"
    with FileLock(shared / f"{name}.lock"):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that failed
            folder.mkdir()
            made.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(made.read_bytes())
