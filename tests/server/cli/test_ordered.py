from __future__ import annotations

import io
import json
import os
import threading

import pytest

from assay_server.cli.answers import Answer, Kind, Tally
from assay_server.cli.exit_codes import ExitCode
from assay_server.cli.line_source import Line, LineSource
from assay_server.cli.ordered import Work, answer_in_order


def echo(lines: list[Line]) -> list[Answer]:
    return [Answer(Kind.RESULT, {"number": line.number}) for line in lines]


def run(data: bytes, work: Work, out: io.BytesIO, *, workers: int = 4) -> Tally:
    """Answers ``data`` from a pipe that a thread fills."""
    read, write = os.pipe()

    def fill() -> None:
        try:
            with os.fdopen(write, "wb") as file:
                file.write(data)
        except BrokenPipeError:
            return

    filler = threading.Thread(target=fill)
    filler.start()
    try:
        return answer_in_order(LineSource(read), work, out, workers=workers, wrote=lambda _lines: None)
    finally:
        os.close(read)
        filler.join()


def test_answers_come_in_input_order_however_long_each_takes():
    first_may_end = threading.Event()

    def work(lines: list[Line]) -> list[Answer]:
        if lines[0].number == 1:
            assert first_may_end.wait(10)
        if lines[-1].number == 4:
            first_may_end.set()
        return echo(lines)

    out = io.BytesIO()
    run(b"a\nb\nc\nd\n", work, out)
    assert [json.loads(text)["number"] for text in out.getvalue().splitlines()] == [1, 2, 3, 4]


def test_many_lines_are_all_answered_in_order():
    out = io.BytesIO()
    tally = run(b"x\n" * 20_000, echo, out)
    assert [json.loads(text)["number"] for text in out.getvalue().splitlines()] == list(range(1, 20_001))
    assert tally.counts == {Kind.RESULT: 20_000}


def test_a_line_is_answered_while_the_input_stays_open():
    read, write = os.pipe()
    answered, answers = os.pipe()

    def work() -> None:
        with os.fdopen(answers, "wb") as out:
            answer_in_order(LineSource(read), echo, out, workers=2, wrote=lambda _lines: None)

    thread = threading.Thread(target=work)
    thread.start()
    with os.fdopen(answered, "rb") as results:
        for number in (1, 2, 3):
            os.write(write, b"line\n")
            assert json.loads(results.readline()) == {"number": number}
        os.close(write)
        assert results.readline() == b""
    thread.join()
    os.close(read)


def test_an_error_of_the_work_is_raised_after_the_answers_before_it_and_everything_is_joined():
    def work(lines: list[Line]) -> list[Answer]:
        if any(line.number == 3 for line in lines):
            raise RuntimeError("line 3")
        return echo(lines)

    out = io.BytesIO()
    before = {*threading.enumerate()}
    with pytest.raises(RuntimeError, match="line 3"):
        run(b"a\nb\nc\n" + b"d\n" * 10_000, work, out, workers=1000)
    assert out.getvalue() == b'{"number":1}\n{"number":2}\n'
    assert {*threading.enumerate()} <= before


def test_an_output_that_closes_ends_the_reading_too():
    class Closed(io.BytesIO):
        def flush(self) -> None:
            raise BrokenPipeError

    before = {*threading.enumerate()}
    with pytest.raises(BrokenPipeError):
        run(b"x\n" * 100_000, echo, Closed())
    assert {*threading.enumerate()} <= before


@pytest.mark.parametrize(
    ("kinds", "strict", "code"),
    [
        ([], True, ExitCode.OK),
        ([Kind.RESULT], True, ExitCode.OK),
        ([Kind.RESULT, Kind.ITEM_ERROR], False, ExitCode.OK),
        ([Kind.RESULT, Kind.ITEM_ERROR], True, ExitCode.ITEM_ERRORS),
        ([Kind.RESULT, Kind.ITEM_ERROR, Kind.BAD_LINE], True, ExitCode.BAD_INPUT),
        ([Kind.BAD_LINE], False, ExitCode.BAD_INPUT),
    ],
)
def test_the_exit_code_says_what_was_among_the_answers(kinds: list[Kind], strict: bool, code: ExitCode):
    tally = Tally()
    tally.counts.update(kinds)
    assert tally.exit_code(strict=strict) == code
