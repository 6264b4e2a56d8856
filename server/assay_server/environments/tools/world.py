"""A world that nobody has read about: people, places, organisations and works, all drawn from a seed.

Every entity has one document in the knowledge base of its kind. It says what the entity is like and names, never
describes, the entities that it has to do with: what is asked about those stands in their own documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from assay_server.environments.tools.corpus import Corpus, CorpusQuestion, Document, KnowledgeBase, Support

MOST_HOPS = 4
"""Documents that a generated question may take."""

QUESTIONS_PER_HOP = 120

_COUNTS = {"people": 160, "places": 80, "organisations": 60, "works": 120, "regions": 16}
_VOCABULARY = """
starts Al Bar Cor Dan El Fen Gar Hol Ith Jor Kel Lor Mar Nor Or Pel Quen Rad Sel Tor Ul Vor Wes Yar Zel
middles a e i o u ae ia an en or il um ar
people dis lin mar nes rik sa ton va wen zek
surnames berg croft dahl feld gren holm kov lund mere quist stad voss
places bury dale ford gate ham mouth port stead ton wick
organisations dyne gen labs line mark press soft tech tron works
works ness song light fall rise dawn shade tide stone fire
regions land mark reach shire vale wold
profession architect botanist cartographer chemist composer engineer geologist historian painter surgeon
hobby beekeeping chess fencing gliding juggling pottery rowing sailing
river Arn Bresk Cald Dorn Esk Frome Gelt Harn Isk Lune Medra Nidd Orwell Pinn Ruvo Sett Tamel Ure
product barometers bicycles clocks engines lenses looms microscopes pianos telescopes turbines
genre comedy elegy fable mystery satire saga travelogue tragedy
crop barley flax hemp hops lavender oats rye saffron
"""
_WORDS = {name: tuple(words) for name, *words in map(str.split, _VOCABULARY.strip().splitlines())}
_STORIES = {
    "people": "{name} is a {profession}, born in {birthplace} in {born}. {name} works for {employer} and likes "
    "{hobby}.",
    "places": "{name} is a town in {region}. It lies on the river {river}, has {population} inhabitants, and its mayor "
    "is {mayor}.",
    "organisations": "{name} was founded in {founded} by {founder}. It makes {product} and has its headquarters in "
    "{headquarters}.",
    "works": "{name} is a {genre} written by {author}. It appeared in {year} and was published by {publisher}.",
    "regions": "{name} is a region whose capital is {capital}. It covers {area} square kilometres and is known for its "
    "{crop}.",
}  # fmt: skip
_RELATIONS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "people": {
        "birthplace": ("places", "the town where {} was born"),
        "employer": ("organisations", "the organisation that {} works for"),
    },
    "places": {"region": ("regions", "the region of {}"), "mayor": ("people", "the mayor of {}")},
    "organisations": {
        "founder": ("people", "the founder of {}"),
        "headquarters": ("places", "the town in which {} has its headquarters"),
    },
    "works": {
        "author": ("people", "the author of {}"),
        "publisher": ("organisations", "the publisher of {}"),
    },
    "regions": {"capital": ("places", "the capital of {}")},
}
"""By kind: what an entity names, of which kind that is, and how it is spoken of."""

_ASKED: Mapping[str, Mapping[str, str]] = {
    "people": {"profession": "What is the profession of {}?", "born": "In which year was {} born?",
               "hobby": "What does {} like to do?"},
    "places": {"river": "On which river does {} lie?", "population": "How many inhabitants does {} have?"},
    "organisations": {"founded": "In which year was {} founded?", "product": "What does {} make?"},
    "works": {"genre": "Of which genre is {}?", "year": "In which year did {} appear?"},
    "regions": {"area": "How many square kilometres does {} cover?", "crop": "What is {} known for?"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Entity:
    """One thing of the world. ``names`` are indexes of other entities by relation."""

    kind: str
    number: int
    name: str
    facts: Mapping[str, str]
    names: Mapping[str, int]


World = Mapping[str, tuple[_Entity, ...]]


@lru_cache(maxsize=4)
def generated_corpus(seed: int = 0) -> Corpus:
    """The corpus of a seed: equal seeds give equal documents and questions."""
    world = _world(seed)
    bases = {kind: KnowledgeBase(kind, [_document(world, one) for one in listed]) for kind, listed in world.items()}
    return Corpus(bases, _questions(world, Random(f"tools/questions/{seed}")))  # noqa: S311 - questions, not secrets


def _world(seed: int) -> World:
    draw = Random(f"tools/world/{seed}")  # noqa: S311 - a world, not a secret
    taken: set[str] = set()
    return {
        kind: tuple(_entity(kind, number, draw, taken) for number in range(count)) for kind, count in _COUNTS.items()
    }


def _entity(kind: str, number: int, draw: Random, taken: set[str]) -> _Entity:
    name = _new_name(kind, draw, taken)
    facts = {fact: choose(draw) for fact, choose in _FACTS[kind].items()}
    names = {relation: draw.randrange(_COUNTS[other]) for relation, (other, _) in _RELATIONS[kind].items()}
    return _Entity(kind, number, name, facts, names)


def _new_name(kind: str, draw: Random, taken: set[str]) -> str:
    while True:
        name = _drawn_name(kind, draw)
        if name not in taken:
            taken.add(name)
            return name


def _drawn_name(kind: str, draw: Random) -> str:
    def word(ends: str) -> str:
        return "".join(draw.choice(_WORDS[part]) for part in ("starts", "middles", ends))

    match kind:
        case "people":
            return f"{word('people')} {word('surnames')}"
        case "works":
            return f"The {word('works')} of {word('surnames')}"
        case _:
            return word(kind)


def _of(name: str) -> Callable[[Random], str]:
    return lambda draw: draw.choice(_WORDS[name])


def _between(low: int, high: int) -> Callable[[Random], str]:
    return lambda draw: str(draw.randint(low, high))


_FACTS: Mapping[str, Mapping[str, Callable[[Random], str]]] = {
    "people": {"profession": _of("profession"), "born": _between(1890, 1999), "hobby": _of("hobby")},
    "places": {"river": _of("river"), "population": _between(800, 900_000)},
    "organisations": {"founded": _between(1800, 2019), "product": _of("product")},
    "works": {"genre": _of("genre"), "year": _between(1850, 2023)},
    "regions": {"area": _between(300, 60_000), "crop": _of("crop")},
}


def _document(world: World, one: _Entity) -> Document:
    named = {relation: world[_RELATIONS[one.kind][relation][0]][at].name for relation, at in one.names.items()}
    return Document(_id(one), one.name, _STORIES[one.kind].format(name=one.name, **one.facts, **named))


def _id(one: _Entity) -> str:
    return f"{one.kind}-{one.number}"


def _questions(world: World, draw: Random) -> tuple[CorpusQuestion, ...]:
    """As many for each number of hops; a question's documents are all different."""
    found: dict[str, CorpusQuestion] = {}
    for hops in range(1, MOST_HOPS + 1):
        wanted = len(found) + QUESTIONS_PER_HOP
        while len(found) < wanted:
            question = _question(world, hops, draw)
            if question is not None:
                found.setdefault(question.text, question)
    return tuple(found.values())


def _question(world: World, hops: int, draw: Random) -> CorpusQuestion | None:
    one = draw.choice(world[draw.choice(tuple(world))])
    spoken, path = one.name, [one]
    for _ in range(hops - 1):
        relation = draw.choice(tuple(_RELATIONS[one.kind]))
        other, phrase = _RELATIONS[one.kind][relation]
        one, spoken = world[other][one.names[relation]], phrase.format(spoken)
        if one in path:
            return None
        path.append(one)
    fact = draw.choice(tuple(_ASKED[one.kind]))
    supports = tuple(Support(each.kind, _id(each)) for each in path)
    return CorpusQuestion(_ASKED[one.kind][fact].format(spoken), (one.facts[fact],), supports)
