"""The one manager (AMI) connection: log in, notice a dead link, come back, ask with a deadline."""

from ivr.adapters.ami.connection import Ami
from ivr.adapters.ami.link import Message

__all__ = ["Ami", "Message"]
