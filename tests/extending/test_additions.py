"""How many places a new column, fact, attribute and mutation take: counted on a copy of the source that has them."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import session_graph
from support.databases import empty_database

pytestmark = pytest.mark.anyio

HOUSE = Path(session_graph.__file__).parent
SCRIPT = Path(__file__).with_name("try_additions.py")
MIGRATION = "alter table session add column mood text;\nalter table agent add column motto text;\n"


@dataclass(frozen=True)
class Place:
    """Lines that stand before the first line that begins like `before`, in a file of the package."""

    file: str
    before: str
    lines: str


COLUMN = (
    Place(
        "sessions/columns.py",
        '    Column("is_archived"',
        '    Column("initial", Kind.TEXT, "left(s.contact_name, 1)", ANALYST, "Initial", "A letter.", optional=True),',
    ),
)
FACT = (
    Place(
        "sessions/record.py",
        "    contact_name: CleanName",
        '    mood: CleanName | None = Field(None, description="How the user felt.")',
    ),
    Place("store/models.py", "    contact_name = fields", "    mood = fields.TextField(null=True)"),
)
ATTRIBUTE = (
    Place(
        "sessions/agents.py",
        "    unit_name: OptionalName",
        '    motto: OptionalName = Field(None, description="Its motto.")',
    ),
    Place("store/models.py", "    unit_name = fields", "    motto = fields.TextField(null=True)"),
)
MUTATION = (
    Place(
        "schema/mutation_types.py",
        '@graphql_input("OverrideAssessmentInput"',
        """
@graphql_input("GreetInput", "A name.")
class Greet(InputModel):
    name: Name = Field(description="The name.")


@strawberry.type(description="A greeting.")
class GreetPayload:
    greeting: str | None = strawberry.field(default=None, description="The greeting.")
    errors: list[UserError] = strawberry.field(default_factory=list, description="Why there is none.")


""",
    ),
    Place(
        "schema/mutation.py",
        '    @mutation("Edit a session."',
        """    @mutation("Greet.", ADMINS, input_of(mutation_types.Greet, "Whom."))
    async def greet(self, info: Info, input: mutation_types.Greet) -> mutation_types.GreetPayload:
        return mutation_types.GreetPayload(greeting=f"Hello {input.name}")
""",
    ),
)
IMPORTS = (
    Place("schema/mutation_types.py", "import strawberry", "from session_graph.sessions.input_model import Name"),
    Place("schema/mutation.py", "import strawberry", "from session_graph.schema import mutation_types"),
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The source with all additions."""
    house = tmp_path / "session_graph"
    shutil.copytree(HOUSE, house, ignore=shutil.ignore_patterns("__pycache__"))
    for place in (*COLUMN, *FACT, *ATTRIBUTE, *MUTATION, *IMPORTS):
        path = house / place.file
        lines = path.read_text("utf-8").splitlines()
        index = next(i for i, line in enumerate(lines) if line.startswith(place.before))
        path.write_text("\n".join([*lines[:index], place.lines, *lines[index:], ""]), "utf-8")
    last = max(path.name for path in (house / "store" / "migrations").glob("*.sql"))
    (house / "store" / "migrations" / f"{int(last[:4]) + 1:04}_additions.sql").write_text(MIGRATION, "utf-8")
    return tmp_path


def test_a_column_takes_one_line() -> None:
    (place,) = COLUMN
    assert len(place.lines.splitlines()) == 1


@pytest.mark.parametrize("places", [FACT, ATTRIBUTE, MUTATION], ids=["fact", "attribute", "mutation"])
def test_a_fact_an_attribute_and_a_mutation_take_two_places(places: tuple[Place, ...]) -> None:
    """Beside the migration that a fact and an attribute need."""
    assert len({place.file for place in places}) <= 2


async def test_the_additions_work_wherever_they_show(copy: Path, server_url: str) -> None:
    async with empty_database(server_url) as url:
        environment = {**os.environ, "PYTHONPATH": str(copy), "SESSION_GRAPH_DATABASE_URL": url}
        command = [sys.executable, str(SCRIPT)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=copy, check=False)  # noqa: ASYNC221

    assert done.stdout == "every addition works\n", done.stderr
