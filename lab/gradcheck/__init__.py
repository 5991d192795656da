"""Is a gradient right? A check for anybody's code, which needs NumPy alone: copy this folder beside yours."""

from .checking import check

__all__ = ["check"]
