"""The kinds of puzzles that tasks can be drawn of."""

from __future__ import annotations

from collections.abc import Mapping

from assay_server.rewards.puzzles import anagrams, countdown, knights, ladders, queens, sokoban_plans, sudoku
from assay_server.rewards.puzzles.tasks import Family

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("puzzles/anagram", "letters of a word", anagrams.LEVELS, anagrams.generate_anagram),
        Family("puzzles/countdown", "numbers that make a target", countdown.LEVELS, countdown.generate_countdown),
        Family("puzzles/knights-and-knaves", "who lies?", knights.LEVELS, knights.generate_knights),
        Family("puzzles/n-queens", "queens that leave each other alone", queens.LEVELS, queens.generate_queens),
        Family(
            "puzzles/sokoban",
            "boxes pushed to goals, in one go",
            len(sokoban_plans.LEVELS),
            sokoban_plans.generate_sokoban,
        ),
        Family("puzzles/sudoku", "a grid to complete", sudoku.LEVELS, sudoku.generate_sudoku),
        Family("puzzles/twenty-four", "four cards that make 24", countdown.CARD_LEVELS, countdown.generate_cards),
        Family("puzzles/word-ladder", "one letter at a time", len(ladders.LEVELS), ladders.generate_ladder),
    )
}
"""By name, which is also a name of the reward that judges it."""
