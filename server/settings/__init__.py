"""Settings of the proxy: a module for each part of them; `settings` has the whole, `loading` gathers it."""
