"""Admission: when an operation that is analyzed may run, by the budget of its caller and the turns of its account."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from graphql import OperationType

from session_graph.access.budgets import Budgets
from session_graph.access.turns import TooManyHeavyQueries, Turns
from session_graph.access.viewer import Viewer
from session_graph.engine.context import RequestContext
from session_graph.engine.limits import MAX_CHARACTERS
from session_graph.engine.operation import Operation, Price

DOCUMENT = 50
"""The cost of parsing and validating the shortest document, and of compiling its plan."""
CHARACTERS = 2
"""How many characters of a document cost one unit more."""


class Admission:
    """Charges callers, and makes heavy queries take turns: those whose statements cost `heavy` or more."""

    def __init__(self, budgets: Budgets, turns: Turns, heavy: int) -> None:
        self._budgets = budgets
        self._turns = turns
        self._heavy = heavy

    def admit_document(self, viewer: Viewer, text: str) -> None:
        """Charge a document that must be parsed and validated. Raises OutOfBudget."""
        self._budgets.charge(viewer, DOCUMENT + min(len(text), MAX_CHARACTERS) // CHARACTERS)

    def admit(self, operation: Operation) -> AbstractAsyncContextManager[None] | None:
        """Charge the operation. If it must take turns, return the block that it runs in.

        Raises OutOfBudget. The block raises TooManyHeavyQueries, and then nothing is charged.
        """
        context = operation.context
        assert isinstance(context, RequestContext)
        price = context.operation.price
        context.budget = self._budgets.charge(operation.viewer, price.charge)
        if price.statements < self._heavy or operation.prepared.definition.operation is not OperationType.QUERY:
            return None
        return self._turn(operation)

    async def admit_event(self, operation: Operation) -> None:
        """Charge one event of a subscription as the subscription itself was charged, if its selection has statements.

        Waits until it fits: the log keeps the events meanwhile.
        """
        price = _price_of(operation)
        if price.statements:
            await self._budgets.charge_when_possible(operation.viewer, price.charge)

    @asynccontextmanager
    async def _turn(self, operation: Operation) -> AsyncIterator[None]:
        try:
            async with self._turns.turn(operation.viewer.account.id):
                yield
        except TooManyHeavyQueries:
            self._budgets.refund(operation.viewer, _price_of(operation).charge)
            raise


def _price_of(operation: Operation) -> Price:
    context = operation.context
    assert isinstance(context, RequestContext)
    return context.operation.price
