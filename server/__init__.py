"""The online proxy: HTTP surface, policy, upstream, operations. Never imports torch, vLLM or offline jobs."""
