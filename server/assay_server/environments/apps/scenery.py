"""The world that a task takes place in: people, and what else is in the applications; all drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import cast

from assay.sdk import Json
from assay_server.environments.apps.policies import DOMAIN
from assay_server.environments.apps.world import PREFIXES, Record, Tables

OWNER = f"robin.hale@{DOMAIN}"


def _each(words: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in words.split())


_FIRST = _each("Ada Bela Cleo Dario Edda Falk Greta Hugo Ines Jonas Kaya Lino Mara Nils Orla Pavel")
_LAST = _each("Abbot Brandt Castell Dorn Egger Faro Gruber Hansen Iversen Jarvis Keller Lund Moreau Novak Orsini Pelz")
_WORDS = _each("amber basil cobalt delta ember falcon garnet harbor indigo juniper kestrel lagoon maple nimbus onyx")
_CHORES = _each("Water_the_plants Call_the_dentist Return_the_books Buy_stamps Fix_the_lamp Renew_the_passport")
_TOPICS = _each("Parking Lunch_menu Fire_drill New_badges Printer Holiday_plan Team_photo Coffee_machine")
_EXPENSES = _each("taxi lunch tickets groceries flowers stationery")
_FRIENDS = 10
_COLLEAGUES = 14
_OTHERS = {"mail": 36, "events": 20, "notes": 14, "files": 20, "transfers": 36, "requests": 4, "todos": 12}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the contacts, under ``key``."""

    key: str
    name: str
    email: str
    phone: str

    @property
    def first(self) -> str:
        """The first name."""
        return self.name.partition(" ")[0]


class Stage:
    """A world in the making: some of its scenery, then what a task puts there, then the rest.

    Attributes:
        colleagues: with addresses of the own domain; the first two share their first name.
        friends: with other addresses.
    """

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self._tables: dict[str, dict[str, Record]] = {table: {} for table in PREFIXES}
        self._now = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(weeks=rng.randrange(40), days=rng.randrange(5))
        self._words = rng.sample(_WORDS, len(_WORDS))
        self.colleagues, self.friends = self._people()
        self._waiting = [table for table, count in _OTHERS.items() for _ in range(count)]
        rng.shuffle(self._waiting)
        self._scenery(rng.randint(len(self._waiting) // 4, len(self._waiting) // 2))

    @property
    def now(self) -> str:
        """The present moment."""
        return self._now.strftime("%Y-%m-%d %H:%M")

    def tables(self) -> Tables:
        """All records, once the rest of the scenery is there."""
        self._scenery(len(self._waiting))
        return self._tables

    def word(self) -> str:
        """A word that nothing else in the world is called by."""
        return self._words.pop()

    def day(self, after: int) -> str:
        """The working day that is so many working days from today."""
        weeks, days = divmod(self._now.weekday() + after, 5)
        return (self._now + timedelta(days=7 * weeks + days - self._now.weekday())).strftime("%Y-%m-%d")

    def hour(self, low: int = 9, high: int = 16) -> int:
        """A full hour within office hours."""
        return self.rng.randint(low, high)

    def cents(self, low: int, high: int) -> int:
        """An amount between whole ones, not round."""
        return self.rng.randint(low, high) * 100 + self.rng.choice((25, 50, 75))

    # ------------------------------------------------------------ what is put there

    def add(self, table: str, record: Record, key: str = "") -> str:
        """Put a record there; its id."""
        held = self._tables[table]
        key = key or f"{PREFIXES[table]}{len(held) + 1}"
        held[key] = record
        return key

    def mail(self, sender: str, subject: str, body: str, *, read: bool = True) -> str:
        """A message in the inbox."""
        at = (self._now - timedelta(minutes=self.rng.randint(10, 9000))).strftime("%Y-%m-%d %H:%M")
        record: Record = {
            "folder": "inbox", "from": sender, "to": [OWNER], "subject": subject, "body": body, "at": at, "read": read,
            "about": "",
        }  # fmt: skip
        return self.add("mail", record)

    def event(self, title: str, day: str, hour: int, people: list[Person]) -> str:
        """An event of one hour."""
        attendees = cast("list[Json]", [one.email for one in people])
        start, end = f"{day} {hour:02}:00", f"{day} {hour + 1:02}:00"
        record: Record = {"title": title, "start": start, "end": end, "place": "", "attendees": attendees}
        return self.add("events", record)

    def note(self, title: str, text: str) -> str:
        """A note without tags."""
        return self.add("notes", {"title": title, "text": text, "tags": []})

    def file(self, path: str, text: str) -> str:
        """A file that is shared with nobody."""
        return self.add("files", {"text": text, "shared": []}, path)

    def transfer(self, to: str, amount: int, memo: str, day: str) -> str:
        """Money that the owner paid."""
        record: Record = {"from": OWNER, "to": to, "cents": amount, "memo": memo, "at": f"{day} 12:00", "request": ""}
        return self.add("transfers", record)

    def request(self, to: str, amount: int, memo: str) -> str:
        """Somebody asks the owner for money."""
        record: Record = {"from": OWNER, "to": to, "cents": amount, "memo": memo, "at": self.now, "status": "open"}
        return self.add("requests", record)

    def todo(self, title: str, listed: str, due: str) -> str:
        """Something to do."""
        return self.add("todos", {"title": title, "list": listed, "due": due, "done": False})

    # ------------------------------------------------------------ scenery

    def _people(self) -> tuple[list[Person], list[Person]]:
        rng = self.rng
        firsts = rng.sample(_FIRST, len(_FIRST))
        names = [f"{firsts[0]} {last}" for last in rng.sample(_LAST, 2)]
        taken = {name.split()[1] for name in names}
        lasts = [last for last in _LAST if last not in taken]
        total = _COLLEAGUES + _FRIENDS
        pairs = [f"{first} {last}" for first in firsts[1:] for last in lasts]
        names += rng.sample(pairs, total - len(names))
        made = [self._person(name, at < _COLLEAGUES) for at, name in enumerate(names)]
        return made[:_COLLEAGUES], made[_COLLEAGUES:]

    def _person(self, name: str, inside: bool) -> Person:
        domain = DOMAIN if inside else f"{self.rng.choice(('postbox', 'letterhead', 'quill'))}.example"
        email = f"{name.replace(' ', '.').lower()}@{domain}"
        phone = f"+44 {self.rng.randint(20, 99)} {self.rng.randint(1000, 9999)}"
        group = "work" if inside else "friends"
        return Person(
            self.add("contacts", {"name": name, "email": email, "phone": phone, "group": group}), name, email, phone
        )

    def _scenery(self, count: int) -> None:
        for _ in range(count):
            self._other(self._waiting.pop())

    def _other(self, table: str) -> None:
        rng = self.rng
        who = rng.choice(rng.choice((self.colleagues, self.friends)))
        topic = rng.choice(_TOPICS)
        match table:
            case "mail":
                self.mail(who.email, topic, f"A word about this: {topic.lower()}. {who.first}", read=rng.random() < 0.7)
            case "events":
                self.event(topic, self.day(rng.randint(0, 15)), self.hour(), [who])
            case "notes":
                self.note(topic, f"Ask {who.first} about it.")
            case "files":
                self.file(f"/home/{topic.lower().replace(' ', '-')}-{rng.randrange(1000)}.txt", f"{topic}: {who.name}")
            case "transfers":
                self.transfer(who.email, self.cents(5, 60), rng.choice(_EXPENSES), self._past_day())
            case "requests":
                self.request(rng.choice(self.friends).email, self.cents(5, 60), rng.choice(_EXPENSES))
            case _:
                self.todo(rng.choice(_CHORES), rng.choice(("home", "errands")), self.day(rng.randint(1, 20)))

    def _past_day(self) -> str:
        return (self._now - timedelta(days=self.rng.randint(1, 90))).strftime("%Y-%m-%d")
