"""The engine with the plugin: its speed, its caches and adapters, releases of vLLM and a second real model."""
