"""A worker's conversation, with the worker in a thread of the test; and the process of those who wait for it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.sdk import QueryError, SqlComparison, Unscorable
from assay_server.execution.sql.catalogue import Databases
from assay_server.execution.sql.frames import BadFrame, Frames, framed
from assay_server.execution.sql.grading import Grading
from assay_server.execution.sql.orders import (
    Failed,
    Graded,
    GradeOrder,
    Order,
    Queried,
    QueryOrder,
    answer_of,
    order_message,
)
from assay_server.execution.sql.pool import SqlPool
from assay_server.execution.sql.port import CatalogueSql
from assay_server.execution.sql.process import SqlProcess
from assay_server.execution.sql.sqlite import Caps
from assay_server.execution.sql.targets import Target
from assay_server.execution.sql.worker import Worker
from tests.server.execution.sql.shops import LONG_CALLS, make_shop

REFERENCE = "SELECT name FROM product WHERE price > 40"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return Target("sqlite", str(make_shop(tmp_path_factory.mktemp("shop") / "shop.sqlite")))


class Conversation:
    """The other side of a worker."""

    def __init__(self) -> None:
        self.ours, self._theirs = socket.socketpair()
        self._frames = Frames()
        self._pending: list[dict[str, object]] = []
        self.thread = threading.Thread(target=self._work)
        self.thread.start()
        assert self.next() == {"ready": True}

    def _work(self) -> None:
        with self._theirs:
            Worker(self._theirs).run()

    def next(self) -> dict[str, object]:
        while not self._pending:
            self._pending += self._frames.take(self.ours.recv(1 << 16))
        return self._pending.pop(0)

    def send(self, number: int, order: Order) -> None:
        self.ours.sendall(framed(order_message(number, order)))


@pytest.fixture
def talk() -> Iterator[Conversation]:
    conversation = Conversation()
    yield conversation
    conversation.ours.close()
    conversation.thread.join()


def test_it_says_what_it_prepares_and_then_answers(talk: Conversation, shop: Target) -> None:
    talk.send(1, GradeOrder(shop, f"{REFERENCE} ", REFERENCE, Grading(), parts=True))
    said: list[dict[str, object]] = []
    while "answer" not in (message := talk.next()):
        said.append(message)
    assert said[:2] == [{"number": 1, "preparing": True}, {"number": 1, "preparing": False}]
    answer = answer_of(message)
    assert isinstance(answer, Graded)
    assert answer.grade.equal
    assert answer.parts["schema"] == 1.0
    talk.send(2, GradeOrder(shop, f"{REFERENCE} ", REFERENCE, Grading()))
    assert "answer" in talk.next()


def test_failures_are_somebodys(talk: Conversation, shop: Target, tmp_path: Path) -> None:
    talk.send(1, QueryOrder(shop, "SELEC", Caps(), 1.0))
    talk.send(2, QueryOrder(Target("sqlite", str(tmp_path / "none")), "SELECT 1", Caps(), 1.0))
    talk.send(3, QueryOrder(Target("generated", "nothing/0"), "SELECT 1", Caps(), 1.0))
    whose = [answer_of(talk.next()) for _ in range(3)]
    assert [one.whose for one in whose if isinstance(one, Failed)] == ["query", "database", "database"]
    talk.send(4, GradeOrder(shop, "SELECT 1", "SELECT nothing", Grading()))
    while "answer" not in (message := talk.next()):
        pass
    answer = answer_of(message)
    assert isinstance(answer, Failed)
    assert answer.whose == "reference"


def test_what_is_forgotten_is_not_done(talk: Conversation, shop: Target) -> None:
    orders = [(number, QueryOrder(shop, f"SELECT {number}", Caps(), 1.0)) for number in (1, 2, 3)]
    forgotten = framed({"number": 2})
    talk.ours.sendall(b"".join(framed(order_message(*one)) for one in orders) + forgotten)
    assert [talk.next()["number"] for _ in range(2)] == [1, 3]


def test_frames_that_are_none_are_refused() -> None:
    for data in (b"\xff\xff\xff\xff", framed({})[:4] + b"{x", framed({})[:4] + b"12"):
        with pytest.raises(BadFrame):
            Frames().take(data)
    pieces = framed({"a": 1}) + framed({"b": 2})
    frames = Frames()
    assert [message for at in range(len(pieces)) for message in frames.take(pieces[at : at + 1])] == [
        {"a": 1},
        {"b": 2},
    ]


def test_one_process_answers_one_after_the_other(shop: Target) -> None:
    process = SqlProcess()
    grade = GradeOrder(shop, f"{REFERENCE} ", REFERENCE, Grading())
    for _ in range(2):
        answer = process.ask(grade)
        assert isinstance(answer, Graded)
        assert answer.grade.equal
    late = process.ask(QueryOrder(shop, LONG_CALLS["instr"], Caps(), 0.2))
    assert late == Failed("query", "timeout", "not done within 0.2 s")
    assert isinstance(process.ask(grade), Graded)
    process.close()
    process.close()
    rows = process.ask(QueryOrder(shop, "SELECT count(*) FROM product", Caps(), 5.0))
    assert isinstance(rows, Queried)
    assert rows.table.rows == [(8,)]
    process.close()


async def test_the_port_gives_rows(shop: Target) -> None:
    pool = SqlPool(1, 1 << 30)
    port = CatalogueSql(Databases({"shop": shop}), pool)
    result = await port.query("shop", "SELECT name, x'0a', 9e999 FROM product ORDER BY 1", timeout=5.0)
    assert result.columns[0] == "name"
    assert result.rows[0] == ("bed", "x'0a'", "inf")
    assert not result.truncated
    assert (await port.query("shop", "SELECT a.x FROM big a, big b", timeout=5.0)).truncated
    with pytest.raises(QueryError, match="refused"):
        await port.query("shop", "DELETE FROM product", timeout=5.0)
    with pytest.raises(Unscorable, match="no database called"):
        await port.query(os.fspath(shop.location), "SELECT 1", timeout=5.0)
    said = await port.compare(SqlComparison("shop", "SELECT 1", "SELECT 1.0", parts=True, repeats=3))
    assert said.equal
    assert said.parts["tables"] == 1.0
    assert 0.0 < said.speed <= 1.0
    await pool.stop()
    with pytest.raises(Unscorable, match="going away"):
        await port.query("shop", "SELECT 1", timeout=5.0)
