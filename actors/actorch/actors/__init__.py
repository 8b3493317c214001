"""Building blocks: what runs. Agents, actors, their results, states, signals and errors."""

import typing

if typing.TYPE_CHECKING:
    from ._api import *  # noqa: F403
    from ._api import __all__ as __all__
else:

    def __getattr__(name):
        """Load what is there when it is first asked for: a command may need little of it."""
        if name == "__all__" or not name.startswith("_"):
            from . import _api

            globals().update({key: getattr(_api, key) for key in _api.__all__})
            globals()["__all__"] = _api.__all__
            if name in globals():
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        from . import _api

        return sorted({*globals(), *_api.__all__})
