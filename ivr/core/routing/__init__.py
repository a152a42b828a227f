"""Who gets whom, and why.

`matcher` says what is right, in plain words: waiting callers × free agents → pairs. `line` gives the same pairs for
thousands of agents. Both decide by `standing` (the order and the steps), and `why` tells the reasons.
"""

from ivr.core.routing.matcher import Hall, Match, ahead_of, match

__all__ = ["Hall", "Match", "ahead_of", "match"]
