"""A usable Asterisk: the configured one, the machine's own, or a private one unpacked into the state folder."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ivr.adapters.pbx import modules
from ivr.config import Config
from ivr.core.errors import PbxError

OLDEST = 20
"""First major version that has all we need."""

_MODULE_FOLDERS = (
    "/usr/lib/*-linux-*/asterisk/modules",
    "/usr/lib/asterisk/modules",
    "/usr/lib64/asterisk/modules",
    "/usr/local/lib/asterisk/modules",
)
_DATA_FOLDERS = ("/usr/share/asterisk", "/var/lib/asterisk", "/usr/local/share/asterisk")
_PACKAGES = "asterisk,libc-bin"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Installation:
    """Where an Asterisk lies. `command` starts it, without arguments."""

    command: tuple[str, ...]
    modules: Path
    data: Path
    """Folder that holds `documentation` and `sounds`."""
    version: str
    """As Asterisk tells it, for example `22.10.1`."""

    def at_least(self, major: int, minor: int) -> bool:
        """True for this version and those after it."""
        return tuple(int(part) for part in self.version.split(".")[:2]) >= (major, minor)


def missing(config: Config) -> list[tuple[str, str]]:
    """What this machine lacks to run Asterisk, each with the command that mends it. Empty when `ensure` can work."""
    if config.asterisk.binary:
        if Path(config.asterisk.binary).is_file():
            return []
        return [(f"Asterisk at {config.asterisk.binary}", "correct asterisk.binary in config.toml, or leave it empty")]
    if _private_root(config).is_dir() or _system() is not None:
        return []
    lacking = []
    if shutil.which("mmdebstrap") is None:
        lacking.append(("mmdebstrap", "sudo apt-get install -y mmdebstrap"))
    if not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        lacking.append(("the Debian archive keyring", "sudo apt-get install -y debian-archive-keyring"))
    return lacking


async def ensure(config: Config, say: Say) -> Installation:
    """Find Asterisk, or unpack it (some 20 s and 270 MB, once). `say` is told about the progress.

    Raises PbxError with one sentence when there is none and none can be had.
    """
    if config.asterisk.binary:
        return await asyncio.to_thread(_configured, Path(config.asterisk.binary))
    system = await asyncio.to_thread(_system)
    if system is not None:
        return system
    private = _private_root(config)
    if not private.is_dir():
        for what, command in missing(config):
            raise PbxError(f"{what} is missing on this machine; install it with: {command}")
        await asyncio.to_thread(_unpack, private, config.asterisk.suite, say)
    return await asyncio.to_thread(_unpacked, private)


def _private_root(config: Config) -> Path:
    return config.state.dir / "asterisk"


def _configured(binary: Path) -> Installation:
    if not binary.is_file():
        raise PbxError(f"config.toml: asterisk.binary: there is no file {binary}.")
    found = _installed((str(binary),))
    if isinstance(found, str):
        raise PbxError(f"config.toml: asterisk.binary: {found}")
    return found


def _system() -> Installation | None:
    binary = shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin")
    found = _installed((binary,)) if binary else "there is none"
    return None if isinstance(found, str) else found


def _installed(command: tuple[str, ...]) -> Installation | str:
    """An Asterisk installed in the usual folders, or a sentence why it will not do."""
    try:
        version = _version(command)
    except PbxError as error:
        return str(error)
    if int(version.partition(".")[0]) < OLDEST:
        return f"{command[0]} is Asterisk {version}; {OLDEST} or newer is needed."
    data = next((Path(folder) for folder in _DATA_FOLDERS if (Path(folder) / "documentation").is_dir()), None)
    folders = [folder for pattern in _MODULE_FOLDERS for folder in Path("/").glob(pattern.lstrip("/"))]
    lacking = ""
    for folder in folders:
        lacking = next((name for name in modules.NEEDED if not (folder / f"{name}.so").exists()), "")
        if not lacking and data:
            return Installation(command, folder, data, version)
    return f"{command[0]} lacks {f'the module {lacking}' if lacking else 'its folder of modules or documentation'}."


def _unpacked(root: Path) -> Installation:
    """The private Asterisk, run in place through its own loader; the machine's libraries are not used."""
    lib = next((folder.parent.parent for folder in root.glob("usr/lib/*/asterisk/modules")), None)
    loader = next(iter(sorted(lib.glob("ld-linux-*.so.*"))), None) if lib else None
    if lib is None or loader is None:
        raise PbxError(f"{root} holds no whole Asterisk; remove the folder and start again.")
    command = (str(loader), "--library-path", str(lib), str(root / "usr/sbin/asterisk"))
    return Installation(command, lib / "asterisk/modules", root / "usr/share/asterisk", _version(command))


def _version(command: Sequence[str]) -> str:
    try:
        done = subprocess.run([*command, "-V"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PbxError(f"{command[-1]} cannot be run: {error}.") from None
    match = re.search(r"Asterisk (?:certified[/-])?(\d+(?:\.\d+)*)", done.stdout)
    if match is None:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise PbxError(f"{command[-1]} does not tell its version: {said[-1] if said else 'it says nothing'}.")
    return match[1]


def _unpack(root: Path, suite: str, say: Say) -> None:
    """Unpack Debian's packages into `root`, whole or not at all."""
    say(f"Unpacking Asterisk from Debian {suite} into {root} (once, about 270 MB) …")
    root.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix=".asterisk-", dir=root.parent) as folder:
        tree = Path(folder) / "tree"
        # chrootless: nothing is run in the tree, so neither root nor user namespaces are needed; the files are ours.
        # Check-Valid-Until: a frozen mirror is as good as a live one here; signatures are checked all the same.
        command = ["mmdebstrap", "--mode=chrootless", "--variant=extract", f"--include={_PACKAGES}"]
        command += ['--aptopt=Acquire::Check-Valid-Until "false"', suite, str(tree)]
        said = _run_loudly(command, say)
        if said is not None:
            raise PbxError(f"Asterisk cannot be fetched from the Debian mirror (suite {suite}): {said}")
        _unpacked(tree)
        tree.chmod(0o755)
        tree.rename(root)


def _run_loudly(command: Sequence[str], say: Say) -> str | None:
    """Run a command, passing on its progress lines. Returns None, or the line that tells why it failed."""
    errors: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            text = line.strip()
            if text.startswith("I: ") and " received signal " not in text:
                say(f"  {text[3:]}")
            elif line.startswith("  ") and errors:
                errors[-1] += f": {text}"  # apt tells the reason of an "Err:" on a line of its own
            elif text.startswith(("Err:", "E: ")):
                errors.append(text.partition(" ")[2])
    if process.returncode == 0:
        return None
    return f"{errors[0].rstrip('.')}." if errors else f"mmdebstrap ended with {process.returncode}."
