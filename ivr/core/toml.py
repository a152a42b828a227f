"""Files in TOML, which people write with all kinds of editors."""

from __future__ import annotations

import codecs
import tomllib
from typing import Any

from ivr.core.errors import HotlineError


def parse(file: str, content: bytes, error: type[HotlineError]) -> dict[str, Any]:
    """The table that the file holds, with or without a byte order mark. Raises `error`, a sentence with the file."""
    try:
        return tomllib.loads(content.removeprefix(codecs.BOM_UTF8).decode())
    except UnicodeDecodeError:
        raise error(f"{file}: this is not UTF-8 text; save it again as UTF-8.") from None
    except ValueError as wrong:
        raise error(f"{file}: not readable as TOML: {wrong}.") from None
    except RecursionError:
        raise error(f"{file}: not readable as TOML: brackets within brackets without end.") from None
