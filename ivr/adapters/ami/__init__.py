"""The one manager (AMI) connection: log in, notice a dead link, come back, ask with a deadline."""

from ivr.adapters.ami.connection import Ami
from ivr.adapters.ami.link import Action, Message

__all__ = ["Action", "Ami", "Message"]
