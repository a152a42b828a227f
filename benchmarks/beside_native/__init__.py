"""The controller beside Asterisk's own dialplan: the same menu, the same prompts, the same Asterisk, in turns."""
