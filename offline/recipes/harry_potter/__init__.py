"""The shipped target harry-potter: its prompts and its build."""
