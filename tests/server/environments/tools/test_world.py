"""The generated corpus: questions whose answers stand in documents that lead to each other."""

from __future__ import annotations

from collections import Counter

import pytest

from assay_server.environments.tools.corpus import Corpus
from assay_server.environments.tools.routing import Routing
from assay_server.environments.tools.world import QUESTIONS_PER_HOP, generated_corpus


def _documents(corpus: Corpus) -> dict[tuple[str, str], str]:
    return {(name, one.id): f"{one.title}\n{one.text}" for name, base in corpus.bases.items() for one in base.documents}


def test_there_are_questions_of_one_to_four_hops_in_several_bases() -> None:
    corpus = generated_corpus()
    assert Counter(len(question.supports) for question in corpus.questions) == dict.fromkeys(
        (1, 2, 3, 4), QUESTIONS_PER_HOP
    )
    assert len(corpus.bases) >= 5
    assert len({question.text for question in corpus.questions}) == len(corpus.questions)


@pytest.mark.parametrize("seed", [0, 1])
def test_each_document_names_the_next_and_the_last_one_has_the_answer(seed: int) -> None:
    corpus = generated_corpus(seed)
    texts = _documents(corpus)
    for question in corpus.questions:
        path = [texts[support.base, support.document] for support in question.supports]
        titles = [text.partition("\n")[0] for text in path]
        assert len(set(path)) == len(path)
        assert titles[0] in question.text
        assert not any(title in question.text for title in titles[1:])
        assert all(title in text for title, text in zip(titles[1:], path, strict=False))
        assert question.answers[0] in path[-1]


def test_a_document_is_found_by_its_title() -> None:
    for base in generated_corpus().bases.values():
        for document in base.documents:
            assert base.search(document.title, 3)[0] == document
            assert base.search(document.title, 3) is base.search(document.title, 3)


def test_equal_seeds_give_equal_worlds_and_others_other_ones() -> None:
    first, second = generated_corpus(3), generated_corpus.__wrapped__(3)
    assert _documents(first) == _documents(second)
    assert first.questions == second.questions
    assert _documents(first) != _documents(generated_corpus(4))


def test_routing_pays_for_each_support_once_and_for_no_other_base() -> None:
    corpus = generated_corpus()
    for question in corpus.questions[::37]:
        routing = Routing(question.supports)
        supported = {support.base for support in question.supports}
        earned = sum(routing.searched(base, ()) for base in corpus.bases if base not in supported)
        assert earned == 0
        earned = sum(routing.searched(support.base, ()) for support in question.supports * 3)
        assert earned == pytest.approx(1)
        assert (routing.share, routing.found) == (pytest.approx(1), 0)


def test_a_base_in_which_all_is_found_earns_nothing_more() -> None:
    question = generated_corpus().questions[0]
    (support,) = question.supports
    base = generated_corpus().bases[support.base]
    found = [one for one in base.documents if one.id == support.document]
    routing = Routing(question.supports)
    assert [routing.searched(support.base, found) for _ in range(3)] == [1, 0, 0]
    assert routing.found == 1
