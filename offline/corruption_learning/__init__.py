"""Learning a corruption's strength by zeroth-order search (ECO)."""
