"""What the API tells a viewer of its own rights. access.md is written out again; the source's tables are not used."""

import pytest

from conftest import MakeCaller
from session_graph.access.viewer import Role

pytestmark = pytest.mark.anyio

EDITABLE = {
    Role.BUILDER: [
        "isArchived", "isLead", "isOpportunity", "isTest", "humanAssessment", "addTags", "removeTags",
        "isTodo", "isDone", "conversationQuality", "comment", "externalId",
    ],
    Role.PORTAL: ["isTodo", "isDone", "conversationQuality", "comment"],
    Role.PARTNER: ["externalId"],
    Role.RECORDER: [],
}  # fmt: skip
EDITABLE[Role.ADMIN] = EDITABLE[Role.BUILDER]

READABLE = {
    Role.BUILDER: [
        "totalSessionCount", "totalLeadCount", "totalLeadValue", "totalOpportunityCount", "totalOpportunityValue",
        "totalAdditionalDealCount", "totalAsr", "opportunitySuccessScore", "conversationSuccessScore",
        "leadSuccessScore",
    ],
    Role.PARTNER: [
        "totalSessionCount", "totalLeadCount", "totalLeadValue", "totalOpportunityCount", "totalOpportunityValue",
        "leadSuccessScore",
    ],
    Role.RECORDER: [],
}  # fmt: skip
READABLE[Role.ADMIN] = READABLE[Role.PORTAL] = READABLE[Role.BUILDER]


@pytest.mark.parametrize("role", Role)
async def test_a_viewer_learns_which_fields_it_may_set(caller: MakeCaller, role: Role) -> None:
    answer = await (await caller(role))("{ viewer { editableFields } }")

    assert answer.data == {"viewer": {"editableFields": EDITABLE[role]}}


@pytest.mark.parametrize("role", Role)
async def test_a_viewer_learns_which_metrics_it_may_read(caller: MakeCaller, role: Role) -> None:
    answer = await (await caller(role))("{ viewer { readableFigures } }")

    assert answer.data == {"viewer": {"readableFigures": READABLE[role]}}


@pytest.mark.parametrize("role", Role)
async def test_a_viewer_learns_which_fields_of_the_account_it_may_read(caller: MakeCaller, role: Role) -> None:
    answer = await (await caller(role))("{ viewer { readableAccountFields } }")

    readable = ["exportRecipients"] if role in (Role.BUILDER, Role.ADMIN) else []
    assert answer.data == {"viewer": {"readableAccountFields": readable}}


async def test_the_fields_that_a_viewer_learns_are_fields_of_the_schema(caller: MakeCaller) -> None:
    ask = await caller(Role.BUILDER)
    patch = (await ask('{ __type(name: "SessionPatch") { inputFields { name } } }')).data["__type"]["inputFields"]
    totals = (await ask('{ __type(name: "DashboardTotals") { fields { name } } }')).data["__type"]["fields"]

    assert {field["name"] for field in patch} == set(EDITABLE[Role.BUILDER])
    assert {field["name"] for field in totals} == set(READABLE[Role.BUILDER])
