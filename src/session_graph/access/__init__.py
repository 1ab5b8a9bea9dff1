"""Who asks, and what exists for them: viewers, keys, tokens, scope."""
