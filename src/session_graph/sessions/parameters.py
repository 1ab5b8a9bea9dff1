"""SQL text consists of constants; every value from outside is bound here as a parameter."""

from collections.abc import Sequence
from uuid import UUID


class Parameters(list[object]):
    """The parameters of one statement, in the order of their placeholders. `$1` is always the account's id."""

    account = "$1"

    def __init__(self, account: UUID) -> None:
        super().__init__([account])

    def bind(self, value: object) -> str:
        """Add the value and return its placeholder."""
        self.append(value)
        return f"${len(self)}"

    @staticmethod
    def literal(number: int) -> str:
        """Return a whole number as SQL text. Only for few distinct numbers: each text is another prepared statement."""
        return str(int(number))

    def equals_any(self, expression: str, options: Sequence[object]) -> str:
        """Return that `expression` is one of the options; for one option with `=`, as an index then keeps its order."""
        if len(options) == 1:
            return f"{expression} = {self.bind(options[0])}"
        return f"{expression} = any({self.bind(list(options))})"
