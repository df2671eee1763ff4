"""Faults of corruption. A module plants one in a worker that has its `Fault` as extension; the engine must not serve."""
