"""Who is calling, and what they may see: viewers, keys, tokens, scope."""
