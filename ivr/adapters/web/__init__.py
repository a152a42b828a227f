"""The web server: pages, JSON, the live WebSocket, health and figures. Start at `routes.py` and `schemas.py`."""

from ivr.adapters.web.ports import Deps
from ivr.adapters.web.server import WebServer, create_app, publish

__all__ = ["Deps", "WebServer", "create_app", "publish"]
