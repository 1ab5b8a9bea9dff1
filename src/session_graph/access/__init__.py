"""Who is calling: viewers, API keys, tokens, accounts."""
