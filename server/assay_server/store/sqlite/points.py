"""The statements that remember a point of a run, and those that go back to it.

Parameters: ``:run``, ``:point`` (the checkpoint's key, 0 = the beginning), and for going back the highest keys that
had been given out at the point (``:rollouts``, ``:results``, ...) and ``:last``, the highest that the run can have.
"""

# ruff: noqa: S608  # put together from constants of this module

from __future__ import annotations

REMEMBER = (
    # unfinished groups, and those whose result somebody had not acknowledged; an aborted one will be open again as if
    # nothing had fixed its members
    """
    INSERT INTO checkpoint_groups
    SELECT :point, id, announced, iif(state = 3, announced, size), iif(state = 3, 0, fixed), iif(state = 3, 0, short),
        iif(state = 3, NULL, expected)
    FROM groups WHERE id IN (
        SELECT id FROM groups WHERE run = :run AND state <> 2
        UNION SELECT s.subject FROM checkpoint_held h JOIN results s ON s.id = h.result
        WHERE h.checkpoint = :point AND s.kind = 2)
    """,
    """
    INSERT INTO checkpoint_late
    SELECT :point, r.id FROM checkpoint_groups c JOIN groups g ON g.id = c.grp JOIN rollouts r ON r.grp = c.grp
    WHERE c.checkpoint = :point AND g.state <> 3 AND r.late = 1
    """,
    """
    INSERT INTO checkpoint_barriers
    SELECT :point, id, arrived FROM barriers WHERE id IN (
        SELECT id FROM barriers WHERE run = :run AND finish IS NULL
        UNION SELECT s.subject FROM checkpoint_held h JOIN results s ON s.id = h.result
        WHERE h.checkpoint = :point AND s.kind = 3)
    """,
)

# results that came after the point, or that somebody had not acknowledged there
_UNDONE = """(
    SELECT id FROM results WHERE id > :results AND id <= :last
    UNION ALL SELECT result FROM checkpoint_held WHERE checkpoint = :point)"""

_LATER = "(SELECT id FROM checkpoints WHERE run = :run AND id > :point)"

UNDO = (
    f"UPDATE rollouts SET result = NULL WHERE id IN (SELECT subject FROM results WHERE kind = 1 AND id IN {_UNDONE})",
    f"DELETE FROM results WHERE id IN {_UNDONE}",
    """
    UPDATE rollouts SET frozen = NULL
    WHERE frozen > :steps AND id IN (SELECT rollout FROM steps WHERE id > :steps AND id <= :last)
    """,
    "DELETE FROM steps WHERE id > :steps AND id <= :last",
    "DELETE FROM texts WHERE id > :rollouts AND id <= :last",
    "DELETE FROM rollouts WHERE id > :rollouts AND id <= :last",
    "DELETE FROM barriers WHERE id > :barriers AND id <= :last",
    """
    UPDATE barriers SET finish = NULL, arrived = c.arrived FROM checkpoint_barriers c
    WHERE c.checkpoint = :point AND barriers.id = c.barrier
    """,
    "DELETE FROM groups WHERE id > :groups AND id <= :last",
    """
    UPDATE groups SET state = 0, announced = c.announced, size = c.size, fixed = c.fixed, short = c.short,
        expected = c.expected, emit_position = 0, barrier = NULL, result = NULL, facts = NULL
    FROM checkpoint_groups c WHERE c.checkpoint = :point AND groups.id = c.grp
    """,
    """
    UPDATE groups SET barrier = NULL WHERE id > (:run << 40) AND id <= :last AND barrier IS NOT NULL
    AND barrier NOT IN (SELECT id FROM barriers WHERE run = :run AND finish IS NOT NULL)
    """,
    """
    UPDATE rollouts
    SET late = (SELECT count(*) FROM checkpoint_late l WHERE l.checkpoint = :point AND l.rollout = rollouts.id)
    WHERE grp IN (SELECT grp FROM checkpoint_groups WHERE checkpoint = :point)
    """,
    "UPDATE consumers SET acked = 0 WHERE run = :run",
    f"DELETE FROM checkpoint_held WHERE checkpoint IN {_LATER}",
    f"DELETE FROM checkpoint_late WHERE checkpoint IN {_LATER}",
    f"DELETE FROM checkpoint_groups WHERE checkpoint IN {_LATER}",
    f"DELETE FROM checkpoint_barriers WHERE checkpoint IN {_LATER}",
    f"DELETE FROM checkpoints WHERE id IN {_LATER}",
)
