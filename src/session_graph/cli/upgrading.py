"""What a command does before it uses a database that an older version wrote."""

from tqdm import tqdm

from session_graph.sessions.rewriting import rewrite_pending
from session_graph.settings import Settings
from session_graph.store.database import Database


async def upgrade_data(database: Database, settings: Settings) -> None:
    """Rewrite the stored rows if the settings allow migrations, with progress on standard error at a terminal."""
    if settings.migrate_on_start:
        await rewrite_sessions(database)


async def rewrite_sessions(database: Database) -> None:
    """Rewrite the stored sessions, if a migration asked for it; another start goes on where this one was killed."""
    with tqdm(unit=" sessions", unit_scale=True, desc="rewriting", disable=None, delay=1) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        await rewrite_pending(database, show)
