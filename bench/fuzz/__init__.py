"""Requests made from the proxy's own OpenAPI document, before an engine that checks what reaches it."""
