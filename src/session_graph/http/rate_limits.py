"""What responses of `/graphql` say about the budget of their caller.

    RateLimit-Policy: "cost";q=300000;w=15;qu="cost"
    RateLimit: "cost";r=299974;t=1

These are the fields of draft-ietf-httpapi-ratelimit-headers: `q` is the capacity of a budget, `w` the seconds in which
an empty one is full, `r` what is left, `t` the seconds until it is full, or until what was refused fits. A unit is one
of cost; without `qu`, which names it, the fields would count requests.
"""

from collections.abc import Sequence
from math import ceil

import orjson

from session_graph.access.budgets import Budgets, OutOfBudget
from session_graph.access.viewer import Viewer
from session_graph.engine.context import RequestContext
from session_graph.engine.operation import Operation
from session_graph.http.negotiation import HeaderFields
from session_graph.http.response import RawHeaders

REQUEST_HEADER = "graphql-cost"
REPORT = "report"
"""Asks for `extensions.cost`, as in Hot Chocolate, which has IBM's directives too."""

_FORM = b'"cost";r=%d;t=%d'


class RateLimits:
    """Writes the headers and the extension `cost` of responses. Without budgets there are none."""

    def __init__(self, budgets: Budgets | None) -> None:
        self._budgets = budgets
        if budgets is not None:
            window = max(1, ceil(budgets.capacity / budgets.per_second))
            self._policy = b"ratelimit-policy", b'"cost";q=%d;w=%d;qu="cost"' % (budgets.capacity, window)

    def headers(self, operation: Operation) -> RawHeaders:
        """Return the headers of the response to an operation that was charged."""
        context = operation.context
        if not isinstance(context, RequestContext) or context.budget is None:
            return ()
        return self._policy, (b"ratelimit", _FORM % context.budget.level())

    def headers_without_operation(self, viewer: Viewer | None, errors: Sequence[Exception] = ()) -> RawHeaders:
        """Return the headers of a response with these errors; none if the viewer is not known."""
        if self._budgets is None or viewer is None:
            return ()
        left, seconds = self._budgets.bucket(viewer).level()
        if errors and isinstance(error := errors[0], OutOfBudget) and error.retry_after:
            seconds = error.retry_after
        return self._policy, (b"ratelimit", _FORM % (left, seconds))

    def report(self, headers: HeaderFields, operation: Operation, body: bytes) -> bytes:
        """Return the JSON of a response, with `extensions.cost` if the headers of the request ask for it."""
        if REQUEST_HEADER not in headers or headers[REQUEST_HEADER].strip().lower() != REPORT:
            return body
        context = operation.context
        if not isinstance(context, RequestContext) or (budget := context.budget) is None:
            return body
        (left, seconds), price = budget.level(), context.operation.price
        cost = {
            "estimate": price.estimate,
            "charged": price.charge,
            "remaining": left,
            "capacity": int(budget.capacity),
            "perSecond": budget.per_second,
            "fullInSeconds": seconds,
        }
        return body[:-1] + b',"extensions":' + orjson.dumps({"cost": cost}) + b"}"
