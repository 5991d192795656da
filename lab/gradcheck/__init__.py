"""Is a gradient right? A check of any code, which needs NumPy alone: copy this folder beside yours."""

from .checking import check

__all__ = ["check"]
