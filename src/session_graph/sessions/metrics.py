"""The metrics of a set of sessions, each declared once: its SQL over rows `b`, and the session columns that it needs.

Scores are null if no session qualifies: OSS needs assessed opportunities, CSS rated sessions, LSS assessed leads
(domain.md, "Dashboard values" and "How the numbers are made"). A guarded metric may be null (`small_groups`).
"""

from dataclasses import dataclass

from pydantic.alias_generators import to_camel

from session_graph.access.viewer import Role
from session_graph.sessions.columns import ALL, COLUMNS, NOT_PARTNER

SCORED = "b.assessment is not null"

_DERIVED_FROM = {
    "additional_deals": ("is_opportunity", "conversion_rate", "recognition", "assessment"),
    "is_success": ("assessment",),
}
"""The columns behind what metrics need and no role reads by itself."""


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    sql: str
    needs: tuple[str, ...]
    roles: frozenset[Role]
    description: str
    is_count: bool = False
    is_money: bool = False
    is_score: bool = False

    @property
    def field(self) -> str:
        return to_camel(self.name)

    @property
    def guarded_roles(self) -> frozenset[Role]:
        """The roles that read the metric, but not every session column that it rests on."""
        columns = [column for need in self.needs for column in _DERIVED_FROM.get(need, (need,))]
        return frozenset(role for role in self.roles if any(role not in COLUMNS[column].roles for column in columns))


def _money(expression: str) -> str:
    return f"round(coalesce({expression}, 0), {{money_scale}})"


def _share(part: str, whole: str) -> str:
    return f"trim_scale(({part})::numeric / nullif(({whole})::numeric, 0))"


# fmt: off
METRICS: dict[str, Metric] = {
    row.name: row
    for row in (
        Metric("total_session_count", "count(*)", (), ALL, "The number of sessions.", is_count=True),
        Metric("total_lead_count", "count(*) filter (where b.is_lead)", ("is_lead",), ALL, "The number of leads.", is_count=True),
        Metric("total_lead_value", _money("sum(b.lead_value)"), ("lead_value",), ALL, "What the leads would pay if they converted.", is_money=True),
        Metric("total_opportunity_count", "count(*) filter (where b.is_opportunity)", ("is_opportunity",), ALL, "The number of opportunities.", is_count=True),
        Metric("total_opportunity_value", _money("sum(b.lead_value) filter (where b.is_opportunity)"), ("lead_value", "is_opportunity"), ALL, "What the opportunities would pay if they converted.", is_money=True),
        Metric("total_additional_deal_count", "coalesce(sum(b.additional_deals), 0)", ("additional_deals",), NOT_PARTNER, "The deals won only thanks to the agent: opportunity × conversion × success × recognition, summed. Not a whole number."),
        Metric("total_asr", _money("sum(b.asr)"), ("asr",), NOT_PARTNER, "The additional secured revenue.", is_money=True),
        Metric("opportunity_success_score", _share(f"count(*) filter (where b.is_opportunity and b.is_success and {SCORED})", f"count(*) filter (where b.is_opportunity and {SCORED})"), ("is_opportunity", "is_success", "assessment"), NOT_PARTNER, "OSS: the agent's mean success over assessed opportunities, 0 to 1.", is_score=True),
        Metric("conversation_success_score", _share("sum(b.conversation_quality)", "count(b.conversation_quality) * 5"), ("conversation_quality",), NOT_PARTNER, "CSS: the mean of 0.2 × stars over rated sessions, 0.2 to 1.", is_score=True),
        Metric("lead_success_score", _share(f"count(*) filter (where b.is_lead and b.is_success and {SCORED})", f"count(*) filter (where b.is_lead and {SCORED})"), ("is_lead", "is_success", "assessment"), ALL, "LSS: successful leads among assessed leads, 0 to 1.", is_score=True),
    )
}
# fmt: on
