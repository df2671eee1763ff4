"""Where the project's own folders are in this checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
TARGETS = ROOT / "targets"
HARRY_POTTER = TARGETS / "harry-potter"
