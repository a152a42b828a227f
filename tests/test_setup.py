"""scripts/setup on a system that lacks things; what is in the repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]

APT_CACHE = """#!/bin/sh
case $2 in chromium) echo "  Candidate: (none)" ;; *) echo "  Candidate: 1.0" ;; esac
"""
APT_GET = """#!/bin/sh
echo "$*" >>"$(dirname "$0")/../apt-get.log"
"""
NEEDED = ("basename", "bash", "cat", "dirname", "env", "grep", "realpath", "sed")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout with nothing set up, on a system without Python and a package of Chromium; PATH is a plain user's."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name in NEEDED:
        (bin_ / name).symlink_to(str(shutil.which(name)))
    stubs = {"apt-cache": APT_CACHE, "apt-get": APT_GET, "id": "#!/bin/sh\necho 0\n", "python3": "#!/bin/sh\nexit 1\n"}
    for name, text in stubs.items():
        (bin_ / name).write_text(text)
        (bin_ / name).chmod(0o755)
    (tmp_path / "scripts").mkdir()
    shutil.copy(REPO / "scripts/setup", tmp_path / "scripts/setup")
    return tmp_path


def test_a_package_that_the_system_has_not_is_left_out_and_the_others_are_installed(bare: Path) -> None:
    script = [str(bare / "bin/bash"), str(bare / "scripts/setup"), "test"]
    done = subprocess.run(script, env={"PATH": str(bare / "bin")}, capture_output=True, text=True, check=False)
    assert "no package chromium" in done.stdout
    assert "Python 3.11 or newer is needed" in done.stderr, "it goes on after the packages"
    installed = (bare / "apt-get.log").read_text().splitlines()[-1].split()
    assert installed[0] == "install" and {"python3-venv", "sip-tester", "fonts-noto-cjk"} <= set(installed)
    assert "chromium" not in installed


@pytest.mark.skipif(not Path("/sbin/ldconfig").exists(), reason="there is no /sbin/ldconfig")
def test_a_library_that_is_there_is_seen_by_a_plain_user_as_well(bare: Path) -> None:
    there = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    script = [str(bare / "bin/bash"), str(bare / "scripts/setup"), "run"]
    subprocess.run(script, env={"PATH": str(bare / "bin")}, capture_output=True, check=False)
    installed = (bare / "apt-get.log").read_text().split()
    assert ("libportaudio2" in installed) is ("libportaudio.so.2" not in there)


def test_no_link_in_the_repository_leads_out_of_it() -> None:
    listed = subprocess.run(["git", "ls-files", "-s"], cwd=REPO, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no clone of a repository")
    links = [REPO / line.partition("\t")[2] for line in listed.stdout.splitlines() if line.startswith("120000")]
    inside = [link for link in links if not link.readlink().is_absolute() and link.resolve().is_relative_to(REPO)]
    assert links == inside
