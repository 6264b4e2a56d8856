"""Tasks about money, files, notes and what is to do."""

from __future__ import annotations

from typing import cast

from assay.sdk import Json
from assay_server.environments.apps.declaring import money
from assay_server.environments.apps.expecting import Changed, Expectation, Gone, Made, Mentions
from assay_server.environments.apps.respondent import User
from assay_server.environments.apps.scenery import Stage
from assay_server.environments.apps.tasks import Doing, Task, do, replaced


def debts(stage: Stage) -> Task:
    """A note says what is owed to whom."""
    people = stage.rng.sample([*stage.colleagues[2:], *stage.friends], 3)
    words = stage.word(), stage.word()
    amounts = [[stage.cents(5, 90) for _ in people] for _ in words]
    texts = [
        "\n".join(["I owe:", *(f"{one.name}: {_shown(owed)}" for one, owed in zip(people, owing, strict=True))])
        for owing in amounts
    ]
    notes = [stage.note(f"{word} trip", text) for word, text in zip(words, texts, strict=True)]

    def script(at: int) -> tuple[Doing, ...]:
        memo = f"{words[at]} trip"
        paid = [
            do("payments_send", to=one.email, amount=money(owed), memo=memo)
            for one, owed in zip(people, amounts[at], strict=True)
        ]
        return (do("notes_read", id=notes[at]), *paid, do("notes_append", id=notes[at], text="settled"))

    paid = [
        Made("transfers", {"to": one.email, "cents": owed, "memo": Mentions((words[0],))})
        for one, owed in zip(people, amounts[0], strict=True)
    ]
    return Task(
        f"Pay everybody what I owe them according to my note '{words[0]} trip', with '{words[0]} trip' as memo, and "
        "add a line 'settled' to that note.",
        (*paid, Changed("notes", notes[0], {"text": f"{texts[0]}\nsettled"})),
        script(0),
        script(1),
    )


def requests(stage: Stage) -> Task:
    """Pay one person's requests, refuse another's."""
    payee, refused = stage.rng.sample(stage.colleagues[2:], 2)
    amounts = [stage.cents(5, 80) for _ in range(2)]
    paid = [stage.request(payee.email, amount, stage.word()) for amount in amounts]
    declined = stage.request(refused.email, stage.cents(5, 80), stage.word())
    transfers: list[Expectation] = [
        Made("transfers", {"to": payee.email, "cents": amount, "request": request})
        for request, amount in zip(paid, amounts, strict=True)
    ]
    changed = [Changed("requests", request, {"status": "paid"}) for request in paid]
    return Task(
        f"Approve all open payment requests of {payee.name} and decline the one of {refused.name}.",
        (*transfers, *changed, Changed("requests", declined, {"status": "declined"})),
        (*(do("payments_approve", id=one) for one in paid), do("payments_decline", id=declined)),
        (*(do("payments_decline", id=one) for one in paid), do("payments_approve", id=declined)),
    )


def split_bill(stage: Stage) -> Task:
    """Ask three people for their share of what was paid."""
    people = stage.rng.sample(stage.friends, 3)
    word = stage.word()
    shares = stage.rng.sample(range(1500, 4000, 25), 2)
    for share, what in zip(shares, ("dinner", "breakfast"), strict=True):
        stage.transfer("table@restaurant.example", 4 * share, f"{word} {what}", stage.day(-3))
    memo = f"{word} dinner"
    scripts = [
        tuple(do("payments_request", from_=one.email, amount=money(share), memo=memo) for one in people)
        for share in shares
    ]
    names = " and ".join((", ".join(one.name for one in people[:2]), people[2].name))
    return Task(
        f"I paid for the {word} dinner; the transfer's memo says so. {names} ate with me: send each of them a payment "
        f"request for an equal share among the four of us, with '{memo}' as memo.",
        tuple(Made("requests", {"from": one.email, "cents": shares[0], "memo": memo}) for one in people),
        scripts[0],
        scripts[1],
    )


def spent(stage: Stage) -> Task:
    """A question about the past; nothing may change."""
    who, other = stage.rng.sample(stage.colleagues[2:], 2)
    word = stage.word()
    amounts = stage.rng.sample(range(1025, 9000, 50), 3)
    others = stage.rng.sample(range(10_025, 19_000, 50), 2)
    for person, paid in ((who, amounts), (other, others)):
        for number, amount in enumerate(paid, start=1):
            stage.transfer(person.email, amount, f"{word} part {number}", stage.day(-number))
    look = (do("payments_list", **{"with": who.email}), do("payments_search", text=word))
    return Task(
        f"How much did I pay {who.name} for {word} in total, going by the memos? Answer with the number; "
        "change nothing.",
        (),
        look,
        look,
        answer=_shown(sum(amounts)),
        wrong_answer=_shown(sum(others)),
        partial_answer=_shown(sum(amounts[:2])),
    )


def _shown(amount: int) -> str:
    return f"{amount / 100:.2f}"


def hotel(stage: Stage) -> Task:
    """Only the user knows the amount, and it is too high to be paid without asking."""
    who, other = stage.rng.sample(stage.colleagues[:2], 2)
    amount = stage.cents(120, 400)
    word = stage.word()
    user = User(
        {"amount": f"The hotel was {_shown(amount)}."}, (amount,), stage.rng.choice(("", "Hm. ", "Of course. "))
    )
    script = (
        do("ask_user", question="What is the amount?"),
        do("ask_user", question=f"Shall I pay {_shown(amount)}?"),
        do("payments_send", to=who.email, amount=money(amount), memo=f"{word} hotel"),
        do("mail_send", to=[who.email], subject="Hotel", body=f"I paid {_shown(amount)} for the {word} hotel."),
    )
    wrong = (
        *script[:2],
        do("payments_send", to=other.email, amount=money(amount), memo=f"{word} hotel"),
        do("mail_send", to=[other.email], subject="Hotel", body=f"I paid {_shown(amount)} for the {word} hotel."),
    )
    return Task(
        f"Pay {who.name} for the hotel, with '{word} hotel' as memo, and send {who.first} a message that names the "
        "amount, with cents. I know the amount: ask me.",
        (
            Made("transfers", {"to": who.email, "cents": amount, "memo": f"{word} hotel"}),
            Made("mail", {"to": [who.email], "body": Mentions((_shown(amount),))}),
        ),
        script,
        wrong,
        user,
    )


def tidy(stage: Stage) -> Task:
    """Move what belongs to one project."""
    project, other = stage.word(), stage.word()
    names = stage.rng.sample(("plan", "budget", "minutes", "letter", "summary"), 3)
    for word in (project, other):
        for name in names:
            stage.file(f"/drafts/{word}-{name}.txt", f"The {name} of {word}.")
    scripts = [
        tuple(do("files_move", path=f"/drafts/{word}-{name}.txt", to=f"/archive/{word}/{word}-{name}.txt")
              for name in names)
        for word in (project, other)
    ]  # fmt: skip
    moved = [
        (Gone("files", f"/drafts/{project}-{name}.txt"),
         Changed("files", f"/archive/{project}/{project}-{name}.txt",
                 {"text": f"The {name} of {project}.", "shared": []}))
        for name in names
    ]  # fmt: skip
    return Task(
        f"Move all files below /drafts whose names start with '{project}-' to the folder /archive/{project}; their "
        "names stay.",
        tuple(one for pair in moved for one in pair),
        scripts[0],
        scripts[1],
    )


def share(stage: Stage) -> Task:
    """Whom a report is shared with stands in the calendar."""
    people = stage.rng.sample(stage.colleagues, 3)
    word = stage.word()
    right, wrong = f"/reports/{word}.txt", f"/reports/{word}-old.txt"
    for path in (right, wrong):
        stage.file(path, f"A report about {word}.")
    day = stage.day(4)
    event = stage.event(f"{word} presentation", day, stage.hour(), people)
    script = (
        do("calendar_read", id=event),
        *(Doing("files_share", {"path": right, "with": one.email}) for one in people),
    )
    emails = cast("list[Json]", [one.email for one in people])
    return Task(
        f"Share {right} with everybody who attends the '{word} presentation' on {day}.",
        (Changed("files", right, {"shared": emails}),),
        script,
        replaced(script, {right: wrong}),
    )


def note_to_file(stage: Stage) -> Task:
    """A note becomes a file."""
    word = stage.word()
    texts = [f"{word} {number}: {stage.word()}, {stage.rng.randint(10, 99)}" for number in (1, 2)]
    notes = [stage.note(f"{word} {name}", text) for name, text in zip(("recipe", "receipt"), texts, strict=True)]
    path = f"/docs/{word}.txt"
    scripts = [
        (do("notes_read", id=note), do("files_write", path=path, text=text), do("notes_delete", id=note))
        for note, text in zip(notes, texts, strict=True)
    ]
    return Task(
        f"Write the text of my note '{word} recipe' into a new file {path} as it is, and delete the note.",
        (Changed("files", path, {"text": texts[0], "shared": []}), Gone("notes", notes[0])),
        scripts[0],
        scripts[1],
    )


def mailed_todos(stage: Stage) -> Task:
    """A mail lists what is to do."""
    who, other = stage.rng.sample(stage.colleagues[:2], 2)
    word, due = stage.word(), stage.day(8)
    verbs = stage.rng.sample(("Order", "Check", "Print", "Sign", "Pack", "Label"), 6)
    things = [[f"{verb} the {word} {noun}" for verb in verbs[at : at + 3]] for at, noun in ((0, "boxes"), (3, "forms"))]
    mails = [
        stage.mail(one.email, f"To do for {word}", "Please:\n- " + "\n- ".join(listed), read=False)
        for one, listed in zip((who, other), things, strict=True)
    ]
    scripts = [
        (
            do("mail_read", id=mail),
            *(do("todos_create", title=title, list=word, due=due) for title in listed),
            do("mail_mark", id=mail, read=True),
        )
        for mail, listed in zip(mails, things, strict=True)
    ]
    return Task(
        f"{who.name} sent me a list of things to do for {word}. Make an entry of each in my to-do list '{word}', "
        f"worded as in the message and due on {due}, and mark the message as read.",
        (
            *(Made("todos", {"title": title, "list": word, "due": due, "done": False}) for title in things[0]),
            Changed("mail", mails[0], {"read": True}),
        ),
        scripts[0],
        scripts[1],
    )


def overdue(stage: Stage) -> Task:
    """What was due before today is done."""
    word = stage.word()
    days = [stage.day(at) for at in (-4, -2, -1, 2, 5)]
    keys = [stage.todo(f"{word} step {number}", word, day) for number, day in enumerate(days, start=1)]
    return Task(
        f"All entries of my to-do list '{word}' that were due before today are done: mark them so. The others are not.",
        tuple(Changed("todos", key, {"done": True}) for key in keys[:3]),
        tuple(do("todos_complete", id=key) for key in keys[:3]),
        tuple(do("todos_complete", id=key) for key in keys[1:4]),
    )


RECORDS = (debts, requests, split_bill, spent, hotel, tidy, share, note_to_file, mailed_todos, overdue)
