"""Recovery measured on chains that are trained here; each chain is one command."""
