"""What `lethe doctor` looks at, and what `lethe support-bundle` packs: whether all that a proxy needs is as it must be."""
