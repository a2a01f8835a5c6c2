"""How the documentation is built: `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import generated

from forensics import __version__

project = "ccr-forensics"
copyright = "the ccr-forensics maintainers"  # noqa: A001 - Sphinx wants this name
release = __version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"ccr-forensics {__version__}"
myst_heading_anchors = 3

generated.write(Path(__file__).parent / "reference")
