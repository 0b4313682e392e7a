"""Workspaces within a workspace: which of them a run sweeps."""

import shutil

from akasa.stores import apart, lock


def test_a_run_sweeps_what_was_killed_and_leaves_what_somebody_is_at(workspace):
    data = workspace.data_dir
    with apart.folder(data) as mine:
        shutil.copytree(mine, data / ".run.known.k1ll3d_0")
        (data / ".run.known.by-hand").mkdir()
        (mine / "akasa.db").touch()
        with lock.run(workspace):
            left = {one.name for one in data.glob(".run.known.*")}
        assert left == {mine.name, ".run.known.by-hand"}
        assert (mine / "akasa.db").exists()
    assert not mine.exists()
