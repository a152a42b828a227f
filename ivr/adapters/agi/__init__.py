"""Live channels: perform what the core wants on them over AsyncAGI, tell what became of it, and find them again."""

from ivr.adapters.agi.channels import Channels
from ivr.adapters.agi.commands import Outside
from ivr.adapters.agi.survey import beat
from ivr.adapters.agi.told import FILE as TOLD
from ivr.adapters.agi.told import begin_anew, untold
from ivr.adapters.agi.tracked import ChannelAction

__all__ = ["TOLD", "ChannelAction", "Channels", "Outside", "beat", "begin_anew", "untold"]
