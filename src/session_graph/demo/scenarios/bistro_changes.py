"""Sunrise Bistro: tables changed and cancelled."""

from session_graph.demo.scenario import Scenario

SCENARIOS = (
    Scenario(
        topic="Change of reservation",
        share=5,
        returning=True,
        service="table",
        ahead=(1, 9),
        books="other",
        units=(2, 6),
        script="""
            USER: Hi, it's {name}. I have a table {day} at {time}. Could we come at {time2} instead?
              or: Hello, {name} here, booked for {day}. Can we move it from {time} to {time2}?
            AGENT: Here you are, {first}: {party}, {day}, {time}. {time2_start} is free, shall I move it?
              or: I see it, {first}. {time2_start} is possible. Shall I change it?
            USER: Yes, please.
              or: Perfect, do that.
            AGENT: Done. We'll see you {day} at {time2}. The reference stays {code}.
              or: It's changed: {day}, {time2}, {party} guests.
            (goodbye)
        """,
        summary=(
            "{who} moved the table for {units} on {date} from {time} to {time2}.",
            "Reservation on {date} changed to {time2} at the guest's wish.",
        ),
        expected="Find the reservation, change it and confirm the new time.",
        actual="The reservation was found, changed and confirmed.",
    ),
    Scenario(
        topic="Change of reservation",
        share=3,
        returning=True,
        verdict="YES_B",
        todo=0.7,
        service="table",
        ahead=(1, 9),
        books="asked",
        units=(2, 6),
        script="""
            USER: Hi, this is {name}. We're booked for {party} {day}, but now we're {party2}. Is that possible?
              or: It's {name}, {day} at {time}. Two more friends want to join, so {party2} in all?
            AGENT: For {party2} I'd have to join two tables, and that is for the floor manager to decide.
              I'll ask {staff} to get back to you.
              or: I can't change it to {party2} by myself at that hour. {staff} will look at the plan and let you know.
            USER: Okay. Please let us know soon.
              or: Fine, thanks for trying.
            AGENT: I've passed it on, {first}. Your table for {party} stays booked in any case.
              or: You keep the table for {party} until then, {first}.
            (goodbye)
        """,
        summary=("{who} wants {party2} instead of {party} seats on {date} at {time}. {staff} is to decide and reply.",),
        expected="Change the number of guests, or pass it to the floor manager.",
        actual="Passed to the floor manager; the old booking stands.",
        tags=("callback",),
    ),
    Scenario(
        topic="Cancellation",
        share=4,
        returning=True,
        service="table",
        ahead=(0, 9),
        books="cancelled",
        units=(2, 6),
        slots={
            "reason": ("One of the kids is sick", "Our flight got moved", "Something came up at work", "Plans changed")
        },
        script="""
            USER: Hello, {name}. I have to cancel our table {day}. {reason}.
              or: Hi, sorry, we can't make it {day} at {time}. {reason}. It's under {name}.
            AGENT: I'm sorry to hear that. I have you for {party} at {time}. Shall I cancel it, or find another day?
              or: Thanks for letting us know, {first}. Would you like another day instead?
            USER: Just cancel, please.
              or: No, cancel it for now. We'll call again.
            AGENT: It's cancelled, {first}, free of charge. We hope to see you soon.
              or: All right, the table {day} is cancelled. Take care, {first}!
        """,
        summary=(
            "{who} cancelled the table for {units} on {date} at {time}.",
            "Cancelled: {units} guests, {date}, {time}.",
        ),
        expected="Offer another day, else cancel and confirm.",
        actual="Another day was offered, then the reservation was cancelled.",
    ),
)
