"""How the pages are built: `sphinx-build -W docs docs/_build/html`."""

import os
import sys
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, part) for part in ("actors", "cli", "supervisors")]

with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
    release = version = tomllib.load(file)["project"]["version"]

# `Terminated` names `ActorRef` in a hint only, since the one needs the other to be imported first.
from actorch.actors import ActorRef, _reasons  # noqa: E402

_reasons.ActorRef = ActorRef  # type: ignore[attr-defined]

project = "actorch"
copyright = "the actorch authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "examples"]

html_theme = "furo"
html_title = f"actorch {release}"
html_copy_source = False

# Docstrings are prose with `names` in it; the one role that never needs a target is code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
