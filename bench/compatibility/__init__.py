"""Suites that others wrote, asked of the bare engine and of the proxy before it."""
