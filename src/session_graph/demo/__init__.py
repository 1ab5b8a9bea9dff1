"""A demo account to look around in: three invented businesses and five weeks of their conversations.

    agents = session_graph.demo.AGENTS                                # createAgent, one each
    records = session_graph.demo.write_sessions(datetime.now(UTC))    # recordSessions, oldest first

Owns the content only: it reads no clock, touches no database and imports nothing from the rest of the package.
Names, numbers and dialogues are made up; phones are from ranges reserved for fiction, mail goes to example.com.
"""

from session_graph.demo.businesses import AGENTS
from session_graph.demo.sessions import write_sessions

__all__ = ["AGENTS", "write_sessions"]
