"""What the proxy costs, beside other proxies, before an engine that answers at once."""
