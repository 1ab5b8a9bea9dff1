"""The outcome of a conversation: the automatic assessment, a person's stars, the team's tags."""

from random import Random

from session_graph.demo.customers import Customer
from session_graph.demo.scenario import Record, Scenario

_RATED_SHARES = {"YES_A": 0.16, "YES_B": 0.2, "NO": 0.32}
_UNJUDGED_SHARE = 0.05
_MISJUDGED_SHARE = 0.04

_STARS = {"YES_A": (5, 5, 5, 4, 4, 3), "YES_B": (5, 4, 4, 3, 3, 2), "NO": (3, 2, 2, 1, 1)}
_MISJUDGED = (
    "No closing confirmation was recognised in the transcript.",
    "The name was not repeated back to the user; counted as not completed.",
    "The conversation ended without the closing question.",
)
"""Results of an assessment that is too strict: these conversations went well, and a reviewer corrects them."""


def judge(scenario: Scenario, rng: Random) -> Record:
    """Return assessment, rating and results. Now and then the automatic assessment is wrong or missing."""
    verdict, actual = scenario.verdict, scenario.actual
    chance = rng.random()
    if verdict == "YES_A" and chance < _MISJUDGED_SHARE:
        verdict, actual = "NO", rng.choice(_MISJUDGED)
    elif chance > 1 - _UNJUDGED_SHARE:
        verdict = None
    outcome: Record = {"actualResult": actual, "expectedResult": scenario.expected}
    if verdict:
        outcome["autoAssessment"] = verdict
        if rng.random() < _RATED_SHARES[verdict]:
            outcome["conversationQuality"] = rng.choice(_STARS[scenario.verdict or verdict])
    return outcome


def choose_tags(scenario: Scenario, customer: Customer, rng: Random) -> list[str]:
    """Return the scenario's tags and those for returning callers."""
    tags = list(scenario.tags)
    if customer.calls > 1:
        tags.append("returning")
        if rng.random() < 0.15:
            tags.append("vip")
    return tags
