"""The papers' comparisons on a small model, each one command that writes its page."""
