"""``puzzles/anagram``: a word made of given letters."""

from __future__ import annotations

import re
from random import Random

from assay.sdk import Json, Sample, Score, reward
from assay_server.rewards.puzzles.tasks import PuzzleTask, asked, final_answer, refused, right, texts, wrong
from assay_server.rewards.puzzles.vocabulary import WORDS

LAYER = "anagram"
LEVELS = 5
_SHORTEST = 4
_MOST = 1000
_WORD = re.compile(r"[^\W\d_]+")


@reward(
    "puzzles/anagram-v1", bounds=(0.0, 1.0), binary=True, reference_keys=("letters", "answers"), source="word games"
)
def anagram(sample: Sample) -> Score:
    """1 where the answer is one of ``answers`` and made of exactly the ``letters``, else 0.

    The answer is one word; of a response without a mark, the last one. Component ``letters``: whether it is made of the
    letters.
    """
    letters = sample.reference.get("letters")
    if not isinstance(letters, str) or not letters.strip():
        raise refused("letters", "letters", letters)
    wanted = sorted(filter(str.isalpha, letters.casefold()))
    answers = {word.strip().casefold() for word in texts(sample.reference, "answers", _MOST)}
    if any(sorted(answer) != wanted for answer in answers):
        raise refused("answers", "words of exactly the letters", sample.reference["answers"])
    found = final_answer(sample)
    words = [] if found is None else [word.casefold() for word in _WORD.findall(found.text)]
    if found is None or not words or (len(words) > 1 and found.method != "whole_text"):
        return wrong(found, "expected one word", LAYER, letters=0.0)
    made = sorted(words[-1]) == wanted
    if words[-1] in answers:
        return right(found, words[-1], "a word of the letters", LAYER, letters=1.0)
    reason = "the letters make no word so" if made else "it is not made of the letters"
    return wrong(found, reason, LAYER, words[-1][:50], letters=float(made))


def generate_anagram(rng: Random, level: int) -> PuzzleTask:
    """The letters of a word, as none of the words has them; four letters at level 1, eight at level 5."""
    length = level + _SHORTEST - 1
    word = rng.choice(WORDS[length])
    answers = [other for other in WORDS[length] if sorted(other) == sorted(word)]
    shuffled = word
    while shuffled in answers:
        shuffled = "".join(rng.sample(word, length))
    question = f"Which English word has exactly the letters {' '.join(shuffled.upper())}?"
    reference: dict[str, Json] = {"letters": shuffled, "answers": [*answers]}
    return PuzzleTask(asked(question, "the word"), reference, f"<answer>{word}</answer>")
