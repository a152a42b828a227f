"""Asterisk itself: find or unpack it, render its configuration, start it, watch it, stop it."""

from ivr.adapters.pbx.find import Installation, Say, ensure, missing
from ivr.adapters.pbx.process import Pbx
from ivr.adapters.pbx.render import Folders, link_prompts, render
from ivr.adapters.pbx.secrets import Secrets

__all__ = ["Folders", "Installation", "Pbx", "Say", "Secrets", "ensure", "link_prompts", "missing", "render"]
