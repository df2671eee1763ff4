"""Recovery from interference: what learning one domain after another has harmed, and undoing it."""
