"""The steps of a worked case's trajectories with the states that they were taken in, read once for any grouping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from assay.sdk.samples import Json
from assay.sdk.spec import Grouping
from assay_server.estimators.anchors import Indices, StepGroups, group_steps, history_groups
from assay_server.estimators.case_values import given, listed, mapping
from assay_server.estimators.declared import Outputs
from assay_server.estimators.groups import AnchorState
from assay_server.estimators.rows import Rows


@dataclass(frozen=True, slots=True)
class AnchoredSteps:
    """The steps of trajectories, group after group.

    Attributes:
        places: [trajectory, step] of each, as outputs call it.
        bounds: offsets of the groups in the steps.
        first: per step, the position of its trajectory's first step.
    """

    names: list[str]
    anchors: list[AnchorState]
    places: list[list[int]]
    bounds: list[int]
    first: Indices

    @classmethod
    def read(cls, inputs: Mapping[str, Json], *, as_texts: bool = False) -> AnchoredSteps:
        """Of ``trajectories: [{group, steps: [{state}]}]``; ``as_texts``: a state that is a text is an observation.

        Raises:
            InputError: a value is missing or of the wrong type.
        """
        rows = Rows(inputs, "trajectories")
        order: list[int] = np.argsort(rows.partition.index, kind="stable").tolist()
        steps = [listed(rows.items[place], "steps", f"trajectories[{place}].") for place in order]
        counts = np.array([len(own) for own in steps], np.intp)
        starts = [0, *accumulate(counts.tolist())]
        ends = np.cumsum(rows.partition.size).tolist()
        return cls(
            names=rows.names,
            anchors=[
                _anchor(value, f"trajectories[{place}].steps[{index}]", as_texts)
                for place, own in zip(order, steps, strict=True)
                for index, value in enumerate(own)
            ],
            places=[[place, index] for place, own in zip(order, steps, strict=True) for index in range(len(own))],
            bounds=[0, *(starts[end] for end in ends)],
            first=np.repeat(np.array(starts[:-1], np.intp), counts),
        )

    def classes(self, grouping: Grouping) -> Outputs:
        """Of one grouping."""
        return self._outputs(group_steps(self.names, self.anchors, self.bounds, self.first, grouping, self._path))

    def nested(self, longest: int) -> list[Outputs]:
        """By longer and longer histories."""
        levels = history_groups(self.names, self.anchors, self.bounds, self.first, longest, self._path)
        return [self._outputs(found) for found in levels]

    def _path(self, row: int) -> str:
        place, index = self.places[row]
        return f"trajectories[{place}].steps[{index}]"

    def _outputs(self, found: StepGroups) -> Outputs:
        groups: list[list[Json]] = [[] for _ in range(len(found.ids))]
        for row, number in enumerate(found.index.tolist()):
            groups[number].append(list(self.places[row]))
        return {"groups": list(groups), "ids": list(found.ids.part(0, len(found.ids)))}


def _anchor(value: Json, path: str, as_texts: bool) -> AnchorState:
    state = given(mapping(value, path), "state", f"{path}.")
    return AnchorState(observation=state) if as_texts and isinstance(state, str) else AnchorState(state=state)
