"""Tasks about mail, contacts and the calendar."""

from __future__ import annotations

from typing import cast

from assay.sdk import Json
from assay_server.environments.apps.expecting import Changed, Expectation, Gone, Made, Mentions
from assay_server.environments.apps.respondent import User
from assay_server.environments.apps.scenery import Person, Stage
from assay_server.environments.apps.tasks import Doing, Task, do, replaced


def _hours(day: str, hour: int) -> dict[str, Json]:
    return {"start": f"{day} {hour:02}:00", "end": f"{day} {hour + 1:02}:00"}


def _addresses(people: list[Person]) -> list[Json]:
    return cast("list[Json]", [one.email for one in people])


def invitation(stage: Stage) -> Task:
    """A mail asks for a meeting: into the calendar with it, and say so."""
    who, other = stage.rng.sample(stage.colleagues, 2)
    project, decoy = stage.word(), stage.word()
    days, hours = (stage.day(3), stage.day(4)), stage.rng.sample(range(9, 16), 2)

    def asked(person: Person, word: str, at: int) -> str:
        body = f"Could we meet on {days[at]} at {hours[at]}:00 for an hour? It is about {word}. {person.first}"
        return stage.mail(person.email, f"Meeting about {word}", body)

    right, wrong = asked(who, project, 0), asked(other, decoy, 1)

    def script(person: Person, word: str, at: int, mail: str) -> tuple[Doing, ...]:
        times = _hours(days[at], hours[at])
        return (
            do("mail_read", id=mail),
            do("calendar_create", title=f"{word} review", attendees=[person.email], **times),
            do("mail_reply", id=mail, body="Confirmed."),
        )

    event: Expectation = Made(
        "events", {"title": f"{project} review", "attendees": [who.email], **_hours(days[0], hours[0])}
    )
    reply = Made("mail", {"to": [who.email], "about": right, "body": Mentions(("confirmed",))})
    return Task(
        f"Somebody asked me by mail for a meeting about {project}. Put it into my calendar as '{project} review', one "
        "hour long, with the sender as attendee, and answer that mail with the word 'confirmed'.",
        (event, reply),
        script(who, project, 0, right),
        script(other, decoy, 1, wrong),
    )


def newsletters(stage: Stage) -> Task:
    """Delete what one sender keeps sending, by way of the trash."""
    word = stage.word()
    sender, alike = f"news@{word}.example", f"news@{word}-bank.example"
    mails = [stage.mail(sender, f"{word.title()} weekly {number}", "Offers, offers.") for number in range(1, 4)]
    other = stage.mail(alike, f"{word.title()} weekly statement", "Your account.")
    deleting = [(do("mail_move", id=mail, folder="trash"), do("mail_delete", id=mail)) for mail in [*mails, other]]
    return Task(
        f"Delete all messages of {sender} for good.",
        tuple(Gone("mail", mail) for mail in mails),
        tuple(call for pair in deleting[:3] for call in pair),
        tuple(call for pair in deleting[1:] for call in pair),
    )


def forward(stage: Stage) -> Task:
    """Send one of two messages on and put it away."""
    sender, to = stage.rng.sample(stage.colleagues, 2)
    word = stage.word()
    old = stage.mail(sender.email, f"{word} figures, draft", f"A first draft of the {word} figures.")
    new = stage.mail(sender.email, f"{word} figures, final", f"The final {word} figures: 12, 15, 19.")
    script = (do("mail_forward", id=new, to=[to.email]), do("mail_move", id=new, folder="done"))
    return Task(
        f"Forward the final {word} figures, which {sender.name} sent me, to {to.name}, and move that message to"
        " 'done'.",
        (Made("mail", {"to": [to.email], "about": new}), Changed("mail", new, {"folder": "done"})),
        script,
        replaced(script, {new: old}),
    )


def new_contact(stage: Stage) -> Task:
    """A mail has somebody's particulars."""
    sender = stage.rng.choice(stage.colleagues)
    words, suffixes = (stage.word(), stage.word()), ("Arden", "Quist")
    people: list[dict[str, Json]] = [
        {
            "name": f"{word.title()} {suffix}",
            "email": f"{word}@{suffix.lower()}.example",
            "phone": f"+44 20 {stage.rng.randint(1000, 9999)}",
        }
        for word, suffix in zip(words, suffixes, strict=True)
    ]
    mails = [
        stage.mail(sender.email, f"The {role}", f"Our {role}: {one['name']}, {one['email']}, phone {one['phone']}.")
        for role, one in zip(("supplier", "landlord"), people, strict=True)
    ]
    scripts = [
        (do("contacts_create", group="suppliers", **one), do("mail_move", id=mail, folder="done"))
        for one, mail in zip(people, mails, strict=True)
    ]
    return Task(
        f"{sender.name} sent me the particulars of our supplier. Add the supplier to my contacts with name, e-mail and "
        "phone, in the group 'suppliers', and move the message to 'done'.",
        (Made("contacts", {**people[0], "group": "suppliers"}), Changed("mail", mails[0], {"folder": "done"})),
        scripts[0],
        scripts[1],
    )


def new_number(stage: Stage) -> Task:
    """A colleague, who shares the first name with another one, has a new number."""
    who, other = stage.rng.sample(stage.colleagues[:2], 2)
    phone = f"+44 30 {stage.rng.randint(1000, 9999)}"
    mail = stage.mail(who.email, "My new number", f"From now on I am at {phone}. {who.first}")
    script = (do("contacts_update", id=who.key, phone=phone), do("mail_move", id=mail, folder="done"))
    return Task(
        f"{who.first} wrote me a new phone number. Keep it in the contacts and move the message to 'done'. Mind who "
        "the sender is.",
        (Changed("contacts", who.key, {"phone": phone}), Changed("mail", mail, {"folder": "done"})),
        script,
        replaced(script, {who.key: other.key}),
    )


def merge_contacts(stage: Stage) -> Task:
    """Somebody is in the contacts twice."""
    name = f"{stage.word().title()} Verne"
    kept = stage.add("contacts", {"name": name, "email": "verne@quill.example", "phone": "", "group": "friends"})
    phone = f"+44 40 {stage.rng.randint(1000, 9999)}"
    doubled = stage.add("contacts", {"name": name, "email": "", "phone": phone, "group": ""})
    return Task(
        f"{name} is in my contacts twice. Keep the entry that has an e-mail address, give it the other entry's phone "
        "number, and delete the other entry.",
        (Changed("contacts", kept, {"phone": phone}), Gone("contacts", doubled)),
        (do("contacts_update", id=kept, phone=phone), do("contacts_delete", id=doubled)),
        (do("contacts_update", id=doubled, email="verne@quill.example"), do("contacts_delete", id=kept)),
    )


def reschedule(stage: Stage) -> Task:
    """One of two events of a name moves, and its attendees are told."""
    people = stage.rng.sample(stage.colleagues, 2)
    word, hour = stage.word(), stage.hour()
    days = stage.day(2), stage.day(5), stage.day(9)
    title = f"{word} planning"
    right, wrong = (stage.event(title, day, 11, people) for day in days[:2])
    body = f"The {title} is now on {days[2]} at {hour:02}:00."
    script = (
        do("calendar_update", id=right, **_hours(days[2], hour)),
        do("mail_send", to=_addresses(people), subject=title, body=body),
    )
    told = Made("mail", {"to": _addresses(people), "body": Mentions((days[2], f"{hour:02}:00"))})
    return Task(
        f"Move the '{title}' of {days[0]} to {days[2]}, {hour:02}:00 to {hour + 1:02}:00, and send its attendees one "
        "message to both with the new date and time as I write them here.",
        (Changed("events", right, _wanted(days[2], hour)), told),
        script,
        replaced(script, {right: wrong}),
    )


def _wanted(day: str, hour: int) -> dict[str, Json | Mentions]:
    return {**_hours(day, hour)}


def cancel(stage: Stage) -> Task:
    """One of two events of a name is off."""
    people = stage.rng.sample(stage.colleagues, 3)
    title = f"{stage.word()} workshop"
    days = stage.day(3), stage.day(6)
    right, wrong = (stage.event(title, day, stage.hour(), people) for day in days)
    note = do("mail_send", to=_addresses(people), subject="Cancelled", body=f"The {title} on {days[0]} is cancelled.")
    told = Made("mail", {"to": _addresses(people), "body": Mentions((title, days[0]))})
    return Task(
        f"Cancel the '{title}' on {days[0]}; the other one stays. Write one message to all who attend it, in which its "
        "title and date stand.",
        (Gone("events", right), told),
        (do("calendar_cancel", id=right), note),
        (do("calendar_cancel", id=wrong), note),
    )


def free_hour(stage: Stage) -> Task:
    """Book the first hour that is free on a full day."""
    who = stage.rng.choice(stage.colleagues)
    title, day = f"{stage.word()} interview", stage.day(30)
    taken = stage.rng.sample(range(8, 17), 6)
    for hour in taken:
        stage.event("Busy", day, hour, [])
    free = [hour for hour in range(8, 18) if hour not in taken]
    scripts = [
        (
            do("calendar_free", date=day),
            do("calendar_create", title=title, attendees=[who.email], **_hours(day, hour)),
            do("todos_create", title=f"Prepare {title}", due=day),
        )
        for hour in free[:2]
    ]
    return Task(
        f"Book the first free hour on {day}, from 08:00 on, as '{title}' with {who.name} as attendee, and add "
        f"'Prepare {title}' to my to-dos, due on that day.",
        (
            Made("events", {"title": title, "attendees": [who.email], **_hours(day, free[0])}),
            Made("todos", {"title": f"Prepare {title}", "due": day}),
        ),
        scripts[0],
        scripts[1],
    )


def appointment(stage: Stage) -> Task:
    """Only the user knows when and where."""
    who = stage.rng.choice(stage.colleagues)
    title, day, hour = f"{stage.word()} visit", stage.day(7), stage.hour()
    place, other = stage.rng.sample(("Room 1", "Room 2", "the library", "the canteen"), 2)
    user = User({"when": f"On {day} at {hour:02}:00, for an hour.", "where": f"In {place}."}, manner="Sure. ")
    asking = (do("ask_user", question="When is it?"), do("ask_user", question="Where is it?"))

    def script(at: str) -> tuple[Doing, ...]:
        booked = do("calendar_create", title=title, place=at, attendees=[who.email], **_hours(day, hour))
        return (*asking, booked, do("mail_send", to=[who.email], subject=title, body=f"{title}: {day}"))

    return Task(
        f"Put the '{title}' with {who.name} as attendee into my calendar, and send {who.first} a message with the "
        "title and the date (as YYYY-MM-DD). I know when and where it is: ask me.",
        (
            Made("events", {"title": title, "place": Mentions((place.removeprefix("the "),)),
                            "attendees": [who.email], **_hours(day, hour)}),
            Made("mail", {"to": [who.email], "body": Mentions((title, day))}),
        ),
        script(place),
        script(other),
        user,
    )  # fmt: skip


MESSAGES = (
    invitation, newsletters, forward, new_contact, new_number, merge_contacts, reschedule, cancel, free_hour,
    appointment,
)  # fmt: skip
