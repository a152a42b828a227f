"""What is told of ended calls: the books, which balance (`books`), the same for people (`table`), the queue log."""

from ivr.core.books.books import INTERVALS, Books, Entry, Figures, Kept, Line, imbalance

__all__ = ["INTERVALS", "Books", "Entry", "Figures", "Kept", "Line", "imbalance"]
