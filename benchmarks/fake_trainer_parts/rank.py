"""A rank: samples what it is told to, sends it, and grows its episodes turn by turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from queue import Empty, Queue
from typing import TextIO

from assay import DeadlineExceeded, Rollout, RolloutState, RolloutStream, StaleGeneration, Step
from assay.v1 import rollout_pb2 as v1

from .place import (
    ACCEPTED_LINE,
    RUN_ID,
    Inbox,
    Message,
    NewWeights,
    Order,
    Part,
    Place,
    Restored,
    Scale,
    Settle,
    Stop,
    journal_line,
)
from .sampling import HEAD_TURNS, Draft, sample

_EPISODES = 16


def run_rank(place: Place, scale: Scale, name: str, generation: int, inbox: Inbox, reports: Queue[str]) -> None:
    """Work until told to stop; the body of a rank's process."""
    with place.journal(name).open("a", buffering=1) as journal, place.client() as client:
        client.create_run(scale.run_config())
        while generation:
            with suppress(StaleGeneration), client.stream(RUN_ID, name, generation=generation) as stream:
                generation = Rank(stream, name, inbox, reports, journal).work()
                continue
            generation = _next_generation(inbox)


def _next_generation(inbox: Inbox) -> int:
    """What was ordered before the restore is forgotten."""
    while not isinstance(message := inbox.get(), Restored):
        pass
    return message.generation


class Rank:
    """A rank in one generation of the run."""

    def __init__(self, stream: RolloutStream, name: str, inbox: Inbox, reports: Queue[str], journal: TextIO) -> None:
        self._stream = stream
        self._name = name
        self._inbox = inbox
        self._reports = reports
        self._journal = journal
        self._version = 0
        self._episodes: deque[Generator[None]] = deque()

    def work(self) -> int:
        """The next generation, once there is one; 0 at the end."""
        while True:
            match message := self._next():
                case Restored(generation):
                    return generation
                case Stop():
                    return 0
                case NewWeights(version):
                    self._version = version
                case Settle():
                    self._settle()
                case Order():
                    self._take(message)
                case None:
                    self._turn()

    def _next(self) -> Message | None:
        """What to do next; None: go on with what is under way."""
        if len(self._episodes) >= _EPISODES:
            return None
        try:
            return self._inbox.get(block=not self._episodes)
        except Empty:
            return None

    def _take(self, order: Order) -> None:
        for member in order.members:
            if order.part is Part.WHOLE:
                draft = Draft(self._stream.generation, order.group, member, self._version)
            else:
                draft = Draft(self._stream.generation, order.group, member, 0, head_generation=1)
            self._journal.write(journal_line(draft))  # before it is sent: what the service knows is in the journal
            rollout = sample(draft)
            if draft.is_game:
                self._episodes.append(self._episode(rollout, order.part))
            else:
                self._stream.send(replace(rollout, steps=[self._stamped(step) for step in rollout.steps]))

    def _episode(self, rollout: Rollout, part: Part) -> Generator[None]:
        """Sends a turn each time it is resumed."""
        turns = range(len(rollout.steps))
        if part is Part.REST:
            turns = turns[HEAD_TURNS:]
        else:
            self._stream.send(replace(rollout, steps=(), state=RolloutState.IN_PROGRESS))
        for index in turns[:HEAD_TURNS] if part is Part.HEAD else turns:
            yield
            turn = self._stamped(rollout.steps[index])
            final = index == len(rollout.steps) - 1
            state = rollout.state if final else None
            self._stream.append(rollout.rollout_id, index, [turn], final=final, state=state)

    def _stamped(self, step: Step | v1.Step) -> Step:
        """Taken with the weights of now."""
        assert isinstance(step, Step)
        return replace(step, policy_version=str(self._version))

    def _turn(self) -> None:
        """Each episode's next turn."""
        for _ in range(len(self._episodes)):
            episode = self._episodes.popleft()
            if next(episode, episode) is None:
                self._episodes.append(episode)

    def _settle(self) -> None:
        while self._episodes:
            self._turn()
        self._stream.wait_accepted()
        self._journal.write(ACCEPTED_LINE)
        try:
            refused = self._stream.receive(timeout=0.0)  # results go to the driver: only a refusal can come here
        except DeadlineExceeded:
            self._reports.put(self._name)
        else:
            raise AssertionError(f"{self._name}: {refused}")
