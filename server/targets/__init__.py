"""The targets in force: bundles, how far each is rolled out, adapters as values."""
