"""Files that are whole or absent, and who may read them."""

import os
import stat

import pytest

from akasa.workspace import files


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_private_files_are_their_user_s_alone_whatever_the_umask(tmp_path, umask):
    with files.private():
        files.write_text(tmp_path / "data/deep/secret", "x")
    files.write_text(tmp_path / "outputs/report", "x")
    assert mode(tmp_path / "data/deep/secret") == 0o600
    assert mode(tmp_path / "data/deep") == mode(tmp_path / "data") == 0o700
    assert mode(tmp_path / "outputs/report") == 0o666 & ~umask
    assert mode(tmp_path / "outputs") == 0o777 & ~umask


def test_the_temporary_files_of_a_killed_process_are_swept_and_a_user_s_own_stay(tmp_path):
    for name in (f".{'a' * 32}.part", ".mine.part", f"{'a' * 32}.part"):
        (tmp_path / name).touch()
    files.sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".mine.part", f"{'a' * 32}.part"}
