"""The web server: pages, JSON, the live WebSocket, health and figures. Start at `routes.py` and `schemas.py`."""
