"""The outside world, one module or one folder each. No decisions."""
