"""A day of calls on paper: the hotline's own rules, who calls (`demand`), who works (`roster`), and no clock.

`erlang` holds the textbook's formulas that the simulator is checked by.
"""
