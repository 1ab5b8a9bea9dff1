"""The origin of a conversation: integration, connector and UTMs."""

from random import Random

from session_graph.demo.scenario import Business, Record


def trace_origin(business: Business, channel: str, known: bool, rng: Random) -> Record:
    """Return the origin. Many chats with unknown visitors come straight from the website, without an integration."""
    origin: Record = {}
    if known or rng.random() < (0.45 if channel == "CHAT" else 0.9):
        origin |= {"integration": business.integration, "connector": rng.choice(business.connectors)}
    if channel == "CHAT" and rng.random() < 0.65:
        origin["utms"] = dict(rng.choice(business.campaigns))
    return origin


def mark_as_trial(business: Business, rng: Random) -> Record:
    """Return what makes it a test session, other than a test contact: the flag, or a sandbox."""
    sandbox: Record = {"integration": "sandbox", "connector": f"sandbox/{business.integration}"}
    staging: Record = {"integration": business.integration, "connector": "sandbox/staging"}
    flagged: Record = {"isTest": True}
    return rng.choice((flagged, flagged, sandbox, sandbox, staging))
