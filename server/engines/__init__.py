"""The engines behind the proxy: their life, their health, and who is asked."""
