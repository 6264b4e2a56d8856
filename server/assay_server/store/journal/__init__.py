"""The journal of sessions: what they were made from and every action that was acknowledged."""

from .memory import MemoryJournal
from .opening import open_journal
from .protocol import (
    HeldElsewhere,
    Journal,
    JournaledDump,
    JournaledSession,
    JournaledSnapshot,
    JournaledTurn,
    NewSession,
    RequestTaken,
    SessionKey,
    UnknownJournalEntry,
)
from .sqlite import SqliteJournal

__all__ = [
    "HeldElsewhere",
    "Journal",
    "JournaledDump",
    "JournaledSession",
    "JournaledSnapshot",
    "JournaledTurn",
    "MemoryJournal",
    "NewSession",
    "RequestTaken",
    "SessionKey",
    "SqliteJournal",
    "UnknownJournalEntry",
    "open_journal",
]
