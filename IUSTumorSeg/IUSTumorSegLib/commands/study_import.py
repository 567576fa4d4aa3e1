"""`iustumorseg study create`, `import` and `fetch`."""

from .study import app

__all__ = ["app"]
