"""The headers of a refusal: what HTTP demands beside the status."""

from session_graph.errors import RequestError, TryLater, Unauthenticated
from session_graph.http.bodies import BodyTooSlow, TooManyBodies
from session_graph.http.request import BodyTooLarge, MethodNotAllowed


def headers_of(error: RequestError) -> dict[str, str]:
    """Return the headers that a response with this error has besides the usual ones."""
    match error:
        case Unauthenticated(status=401):
            return {"WWW-Authenticate": "Bearer"}
        case MethodNotAllowed():
            return {"Allow": ", ".join(error.allow)}
        case BodyTooLarge() | BodyTooSlow():
            return {"Connection": "close"}  # the rest of the body is not read
        case TooManyBodies(retry_after=int(seconds)):
            return {"Connection": "close", "Retry-After": str(seconds)}
        case TryLater(retry_after=int(seconds)):
            return {"Retry-After": str(seconds)}
        case _:
            return {}
