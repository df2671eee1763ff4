"""The way of a request through the proxy, from its bytes to the record of its end."""
