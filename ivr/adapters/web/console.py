"""The console's pages: files that Vite built into agent_console/dist."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from ivr.adapters.web.desk import PARTS
from ivr.adapters.web.problems import Refused

PATH = r"/{path:(?!api/|health/|metrics$).*}"
"""Everything that the JSON interface does not own."""

_NOT_BUILT = """<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><title>坐席页面尚未构建</title>
<h1>坐席页面尚未构建</h1>
<p>请在服务器上运行 <code>make run</code>（它会构建页面），然后刷新本页。电话与接口不受影响。</p>
<p lang="en">The console has not been built: run <code>make run</code> on the server, then reload. Calls go on.</p>
</html>
"""


async def page(request: web.Request) -> web.StreamResponse:
    """A file, or index.html for an address that only the browser's router knows."""
    root = request.app[PARTS].deps.console
    name = request.match_info["path"]
    file = await asyncio.to_thread(_file, root, name)
    if file is None:
        if name.startswith("assets/") or "text/html" not in request.headers.get("Accept", ""):
            raise Refused("not_found")
        file = await asyncio.to_thread(_file, root, "index.html")
    if file is None:
        return web.Response(text=_NOT_BUILT, status=503, content_type="text/html")
    # Vite puts a hash of the content into the names below assets/.
    kept = "public, max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
    return web.FileResponse(file, headers={"Cache-Control": kept})


def _file(root: Path, name: str) -> Path | None:
    """The file of that name below the folder, or None: never one outside it."""
    top = root.resolve()
    try:
        file = (top / (name or "index.html")).resolve()
        return file if file.is_relative_to(top) and file.is_file() else None
    except (ValueError, OSError):
        return None
