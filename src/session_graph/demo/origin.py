"""The way by which a conversation came in."""

from random import Random

from session_graph.demo.scenario import Business, Record


def trace_origin(business: Business, channel: str, known: bool, rng: Random) -> Record:
    """Integration, connector and UTMs. Many web chats of strangers come straight from the website."""
    origin: Record = {}
    if known or rng.random() < (0.45 if channel == "CHAT" else 0.9):
        origin |= {"integration": business.integration, "connector": rng.choice(business.connectors)}
    if channel == "CHAT" and rng.random() < 0.65:
        origin["utms"] = dict(rng.choice(business.campaigns))
    return origin


def mark_as_trial(business: Business, rng: Random) -> Record:
    """What makes it a test session, besides a test contact: the sandbox, or saying so."""
    sandbox: Record = {"integration": "sandbox", "connector": f"sandbox/{business.integration}"}
    staging: Record = {"integration": business.integration, "connector": "sandbox/staging"}
    said: Record = {"isTest": True}
    return rng.choice((said, said, sandbox, sandbox, staging))
