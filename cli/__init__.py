"""The `lethe` command: one thin module a verb, late imports, no logic."""
