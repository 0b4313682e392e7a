"""Where kernels are spoken to, and that they are this interpreter, whatever else is installed."""

import os
import stat
import sys
from pathlib import Path

import pytest

from akasa.run import kernel
from akasa.workspace.settings import ROOT


def test_sockets_lie_in_the_run_s_own_folder_and_their_paths_fit_on_every_system(tmp_path):
    with kernel.private_folder() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        told = kernel.channels(folder / "01", "darwin")["KernelManager"]
        assert told["transport"] == "ipc"
        assert told["ip"] == str(folder / "01/k")
        assert told["connection_file"] == str(folder / "01/kernel.json")
        assert len(f"{told['ip']}-5") < 104
    assert not folder.exists()


def test_windows_has_no_sockets_of_that_kind_and_uses_ports(tmp_path):
    told = kernel.channels(tmp_path, "win32")["KernelManager"]
    assert told == {"transport": "tcp", "connection_file": str(tmp_path / "kernel.json")}


@pytest.mark.parametrize(("length", "transport"), [(99, "ipc"), (100, "tcp")])
def test_a_path_too_long_for_a_socket_leads_to_ports(length, transport):
    folder = Path("/" + "x" * (length - 1))
    assert kernel.channels(folder, "darwin")["KernelManager"]["transport"] == transport


def test_a_temporary_folder_of_a_long_name_is_passed_over(tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(kernel.tempfile, "tempdir", str(deep))
    with kernel.private_folder() as folder:
        assert kernel.channels(folder / "01", "linux")["KernelManager"]["transport"] == "ipc"


def test_the_folder_of_a_run_that_was_killed_goes_with_the_next_one_and_no_other_folder_does(tmp_path):
    note = tmp_path / "note"
    killed = kernel.private_folder(note)
    left = killed.__enter__()
    assert note.read_text() == str(left)
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    with kernel.private_folder(note) as folder:
        assert folder != left
        assert not left.exists()
    assert not note.exists()
    note.write_text(str(tmp_path))
    with kernel.private_folder(note):
        assert tmp_path.exists()


def test_a_kernel_is_this_interpreter_whatever_specs_are_installed(tmp_path, monkeypatch):
    spec = tmp_path / "kernels/python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "x", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "absent")
    found = kernel.Kernel(kernel_name="python3").kernel_spec
    assert found.argv[:3] == [sys.executable, "-m", "ipykernel_launcher"]
    assert found.metadata["kernel_provisioner"]["provisioner_name"] == "local-provisioner"


def test_a_kernel_has_our_modules_first_and_no_profile_of_the_user_s(tmp_path):
    given = {"PYTHONPATH": "/theirs", "IPYTHONDIR": "/home/me/.ipython", "DB_HOST": "db"}
    found = kernel.environment(given, tmp_path)
    assert found["PYTHONPATH"] == os.pathsep.join([str(ROOT), "/theirs"])
    assert found["IPYTHONDIR"] == str(tmp_path / "ipython")
    assert found["DB_HOST"] == "db"
    assert kernel.environment({}, tmp_path)["PYTHONPATH"] == str(ROOT)


def test_a_kernel_gives_memory_back_unless_the_user_has_it_otherwise(tmp_path):
    assert kernel.environment({}, tmp_path).items() >= kernel.MEMORY.items()
    own = {"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}
    assert kernel.environment(own, tmp_path).items() >= own.items()
