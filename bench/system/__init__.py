"""Systems: a model expression or a Python object made ready to measure, with everything that identifies it.

`resolve` finds in its tables who builds a kind of card, a `kind:` name or a function; one module a family builds them.
"""

from bench.system.resolve import resolve
from bench.system.value import Options, Setting, System

__all__ = ["Options", "Setting", "System", "resolve"]
