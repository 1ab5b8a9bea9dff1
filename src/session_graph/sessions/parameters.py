"""SQL text is put together from constants; every value that came from outside is bound here."""

from collections.abc import Sequence
from uuid import UUID


class Parameters(list[object]):
    """The values of one statement in the order of their placeholders; the account's id is always `$1`."""

    account = "$1"

    def __init__(self, account: UUID) -> None:
        super().__init__([account])

    def bind(self, value: object) -> str:
        """The placeholder of the value."""
        self.append(value)
        return f"${len(self)}"

    @staticmethod
    def literal(number: int) -> str:
        """A whole number in the text itself. For numbers of which there are few, as connections keep each text."""
        return str(int(number))

    def equals_any(self, expression: str, options: Sequence[object]) -> str:
        """`expression` is one of the options; with a single one an index also keeps its order."""
        if len(options) == 1:
            return f"{expression} = {self.bind(options[0])}"
        return f"{expression} = any({self.bind(list(options))})"
