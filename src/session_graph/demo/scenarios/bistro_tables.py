"""Sunrise Bistro: tables booked, and not to be had."""

from session_graph.demo.scenario import Scenario

_BOOK = "Book the table, repeat day, time and party, and send a confirmation."

SCENARIOS = (
    Scenario(
        topic="Table reservation",
        share=15,
        lead=True,
        service="table",
        books="asked",
        units=(2, 7),
        script="""
            USER: Hi, I'd like to book a table for {party} {day} at {time}.
              or: Hello! Do you have a table for {party}, {day} around {time}?
              or: Hey, can I get a reservation for {party} {day}? {time} would be perfect.
              or: Good {daypart}. We're {party} and hoping to come in {day} at {time}.
            AGENT: Let me look... yes, we have a table for {party} {day} at {time}. What name shall I put it under?
              or: {time} for {party} works {day}. May I have your name?
              or: Happy to help. {day_start} at {time} is free for {party}. Who am I booking for?
            USER: {name}.
              or: It's {name}.
              or: {name}, thanks.
              or: Put it under {name}, please.
            (contact)
            USER/maybe: Is there any chance of {wish}?
              or: One more thing, could we have {wish}?
            AGENT/maybe: I've added that to the booking. We can't promise it, but we'll do our best.
              or: I've made a note of it for the team, they'll do what they can.
            AGENT: All set: {party}, {day}, {time}, under {name}. Your reference is {code}.
              or: Done! A table for {party} {day} at {time}. The confirmation is on its way, reference {code}.
              or: Wonderful, you're booked: {day} at {time}, {party} guests, reference {code}. See you then!
            (goodbye)
        """,
        slots={"wish": ("a table by the window", "a high chair", "a booth", "a quiet corner", "a seat on the patio")},
        summary=(
            "{who} booked a table for {units} on {date} at {time}. Reference {code}.",
            "{who} reserved for {units} guests, {date}, {time}. Booked without changes.",
            "Table for {units} booked for {date} at {time} under {name}.",
        ),
        expected=_BOOK,
        actual="The table was booked as asked and confirmed.",
    ),
    Scenario(
        topic="Table reservation",
        share=8,
        lead=True,
        service="table",
        books="asked",
        units=(2, 8),
        channels=("VOICE", "SMS"),
        slots={
            "occasion occasion_you": (
                ("my mother's birthday", "your mother's birthday"),
                ("our anniversary", "your anniversary"),
                ("my son's graduation", "your son's graduation"),
                ("my best friend's farewell", "a farewell"),
            ),
            "touch": ("a candle in the dessert", "a handwritten card on the table", "a glass of cava on arrival"),
        },
        script="""
            USER: Hi there, it's {occasion} and I'd like to take everyone out for a meal.
              or: Hello, I want to book something nice for {occasion}.
            AGENT: How lovely! When would you like to come, and how many will you be?
              or: That sounds wonderful. For which day, and for how many guests?
            USER: {day_start}, we'll be {party}.
              or: {party_start} of us, {day}.
            AGENT: I have {time} or {time2} for {party}. Which suits you?
              or: There's a table for {party} at {time}, and another one at {time2}. Any preference?
            USER: {time_start}, please.
              or: Let's say {time}.
            AGENT: Lovely. And the name?
              or: {time_start} it is. Who is the booking for?
            USER: {name}.
              or: {first}. {name}.
            (contact)
            AGENT: We'd be glad to add {touch}. Shall I note that it's {occasion_you}?
              or: Shall I tell the team about the occasion? They like to add {touch}.
            USER: Oh, that would be great.
              or: Yes please, that's so kind.
              or: No need, but thank you.
            AGENT: Then we'll see {party} of you {day} at {time}, {first}. The reference is {code}.
              or: Booked for {party}, {day} at {time}. Your reference is {code}. We look forward to it.
            (goodbye)
        """,
        summary=(
            "{who} booked for {units} on {date} at {time} for a celebration; offered {touch}.",
            "Celebration table for {units}, {date} at {time}, reference {code}.",
        ),
        expected=_BOOK + " Ask about the occasion.",
        actual="The table was booked, the occasion noted and the booking confirmed.",
        tags=("celebration",),
    ),
    Scenario(
        topic="Table reservation",
        share=9,
        lead=True,
        service="table",
        books="other",
        units=(2, 8),
        script="""
            USER: Do you have anything for {party} {day} at {time}?
              or: Hi! Table for {party}, {day}, {time}?
              or: Hello, I need a table {day} at {time}, there are {party} of us.
            AGENT: {time_start} is taken, I'm afraid, but I can offer you {time2}. Would that work?
              or: We're full at {time}. The closest I have for {party} is {time2}.
            USER: Hmm, let me check with the others... Yes, {time2} is okay.
              or: {time2} is fine, we're flexible.
              or: That's not ideal but okay, let's take {time2}.
            AGENT: Great. What name is it for?
              or: Good, I'm holding it for you. Your name, please?
            USER: {name}.
              or: Under {name}, please.
            (contact)
            USER/maybe: And if {time} opens up, can you let us know?
            AGENT/maybe: I've put you on the list for {time}. You'll get a text if it opens up.
              or: Certainly, you're first in line for {time}.
            AGENT: {party_start} guests {day} at {time2}, under {name}. Reference {code}.
              or: You're booked, {first}: {day}, {time2}, for {party}. The reference is {code}.
            (goodbye)
        """,
        summary=(
            "{who} asked for {time} on {date}, which was taken, and accepted {time2} for {units} guests.",
            "Booked {units} guests for {date} at {time2} instead of {time}.",
        ),
        expected=_BOOK + " Offer the nearest time if the one asked for is taken.",
        actual="The nearest time was offered, accepted and confirmed.",
    ),
    Scenario(
        topic="Table reservation",
        share=6,
        lead=True,
        unavailable=True,
        service="dinner",
        ahead=(0, 4),
        units=(4, 10),
        script="""
            USER: Any chance of a table for {party} {day} at {time}?
              or: Hi, we're {party} and would love to come {day}, {time} if possible.
            AGENT: I'm sorry, {day} at {time} is fully booked. Would {time2} suit you?
              or: {day_start} is very busy, nothing at {time}. I could squeeze you in at {time2}?
            USER: No, it has to be {time}.
              or: That doesn't work with our show tickets.
              or: No, one of us only gets off work just before.
            AGENT: I understand. I could put you on the waiting list, or look at another day.
              or: Then the waiting list is the best I can do. May I add you?
            USER: Okay, put me on the list. {name}.
              or: Waiting list then. It's {name}.
            (callback)
            AGENT: You're on the list for {day}, {first}. We'll be in touch at once if a table opens up.
              or: Noted, {first}: {party} for {day} at {time}, waiting list. I'm sorry I can't do more today.
            (goodbye)
        """,
        summary=(
            "No table for {units} on {date} at {time}. {who} declined {time2} and is on the waiting list.",
            "Fully booked at {time} on {date}; {units} guests went on the waiting list.",
        ),
        expected="Offer another time; if none suits, put the guest on the waiting list.",
        actual="Nothing was free at the time; the guest was put on the waiting list.",
        todo=0.4,
        tags=("waiting-list",),
    ),
    Scenario(
        topic="Table reservation",
        share=4,
        lead=True,
        refused=True,
        verdict="NO",
        service="dinner",
        units=(6, 12),
        slots={"deposit": ("$20", "$25", "$15")},
        script="""
            USER: I need a table for {party} {day}.
              or: Hi, can you take a group of {party} {day} around {time}?
            AGENT: We can, at {time}. For groups of six and more we hold the table with a card: {deposit} a person,
              charged only if nobody comes. Shall I text you the secure link?
              or: {time_start} is free. From six guests on we ask for a card to hold the table, {deposit} a head in case
              of a no-show. May I send you the link?
            USER: A card? Just to sit down? No thanks.
              or: I'm not giving out my card for a dinner.
              or: Seriously? No, we'll go to the place next door.
            AGENT: I understand. The card isn't charged when you come. I could also...
              or: It's only a guarantee, nothing is charged if you come. Perhaps you'd like to...
            USER/maybe: No. Forget it.
              or: Not interested, bye.
            (hangs_up)
        """,
        summary=(
            "Group of {units} for {date} lost at the card guarantee of {deposit} a person; the conversation was ended.",
            "Wanted a table for {units} on {date} but refused to leave a card and ended the conversation.",
        ),
        expected="Explain the card guarantee and book the table.",
        actual="The guest refused the card guarantee and left before an alternative was offered.",
        tags=("card-guarantee",),
    ),
    Scenario(
        topic="Table reservation",
        share=4,
        lead=True,
        anonymous=True,
        newcomer=True,
        channels=("VOICE", "CHAT"),
        service="dinner",
        units=(2, 6),
        script="""
            USER: Quick question, would you have room for {party} {day} at {time}?
              or: Do you still have tables {day}? We'd be {party}, around {time}.
            AGENT: Yes, {time} is free for {party}. Shall I book it for you?
              or: At the moment, yes: {time} for {party}. May I take your name and number?
            USER: Not yet, I need to ask my partner first.
              or: I'll talk to the others and come back to you.
              or: Thanks, I'm still looking around.
            AGENT: Of course. If you leave a number I can hold it for two hours.
              or: Sure. Shall I hold it for a little while? I'd only need a phone number.
            USER: No, that's okay. I'll be in touch.
              or: No need, thanks. Bye.
              or: I'd rather not leave my number.
            AGENT: All right. You can also book on our website at any time. Goodbye!
              or: Then I hope to hear from you soon!
        """,
        summary=(
            "Asked whether {units} guests could come on {date} at {time}; free, but no contact was left.",
            "Availability for {units} on {date} confirmed. They want to decide later and left no number.",
        ),
        expected="Offer to book or to hold the table and ask for a contact.",
        actual="Both were offered; the guest left no contact.",
        tags=("undecided",),
    ),
    Scenario(
        topic="Table reservation",
        share=5,
        lead=True,
        verdict="YES_B",
        todo=0.8,
        service="table",
        books="asked",
        units=(2, 6),
        script="""
            USER: I'd like a table for {party}, {day} at {time}.
              or: Hello, could you book {party} in for {day}, {time}?
            AGENT: One moment please.
              or: Let me check that for you.
            SYSTEM: tablebook did not answer in time.
            AGENT: I can't reach our booking system right now. I'll take your details and {staff} will confirm shortly.
              What is your name?
              or: The booking system is slow just now, so I'll write it down and {staff} confirms it. Your name, please?
            USER: Oh, okay. {name}.
              or: No problem, it's {name}.
            (contact)
            AGENT: I've noted {party} guests for {day} at {time}. {staff} will confirm within the hour.
              or: Thank you, {first}. {party_start}, {day}, {time}: you'll hear from {staff} very soon.
            (goodbye)
        """,
        summary=(
            "The booking system did not answer. {who} left a request for {units} guests on {date} at {time}; "
            "{staff} is to confirm.",
            "Request for {units} on {date} at {time} taken by hand, to be confirmed by {staff}.",
        ),
        expected=_BOOK,
        actual="The booking system was down; the request was written down for the team.",
        tags=("callback",),
    ),
    Scenario(
        topic="Table reservation",
        share=3,
        lead=True,
        service="table",
        books="asked",
        units=(2, 6),
        language="es",
        script="""
            USER: Hola, ¿hablan español? Quisiera reservar una mesa para {units}.
              or: Buenas, ¿puedo reservar en español? Una mesa para {units}, por favor.
            AGENT: ¡Claro que sí! ¿Para qué día y a qué hora?
              or: Por supuesto. ¿Qué día les gustaría venir?
            USER: Para {day}, a las {time}.
              or: Sería para {day} a las {time}.
            AGENT: Tengo una mesa para {units} {day} a las {time}. ¿A nombre de quién?
              or: Perfecto, {day} a las {time} está libre. ¿Me da su nombre?
            USER: {name}.
              or: A nombre de {name}.
            AGENT/voice: Gracias, {first}. ¿Le envío la confirmación a este número?
            USER/voice: Sí, por favor.
              or: Sí, a este mismo.
            AGENT/chat: Gracias, {first}. ¿Me deja un teléfono o un correo?
            USER/chat: {contact}
            AGENT: Listo: {units} personas, {day} a las {time}. Su referencia es {code}. ¡Les esperamos!
              or: Queda reservado, {first}. La referencia es {code}. ¡Hasta pronto!
            USER/maybe: Muchas gracias.
              or: Mil gracias, hasta luego.
        """,
        summary=("{who} booked in Spanish: {units} guests, {date} at {time}. Reference {code}.",),
        expected=_BOOK,
        actual="The table was booked and confirmed in Spanish.",
        tags=("spanish",),
    ),
    Scenario(
        topic="Table reservation",
        share=3,
        lead=True,
        verdict="NO",
        todo=0.6,
        channels=("VOICE",),
        service="dinner",
        units=(3, 6),
        script="""
            USER: Table for {party}, {day}, {time}.
              or: Yes hi, {party} people, {day} at {time}.
            AGENT: I have a table for {misheard} {day} at {time}. Is that right?
              or: For {misheard} guests {day}. May I have your name?
            USER: No, {party}. Not {misheard}.
              or: I said {party}!
            AGENT: I'm sorry. A table for {misheard}, then. What name may I put down?
              or: Thank you. So that's {misheard} guests at {time}. And your name?
            USER: It's {party}! Oh, never mind. I'll come by and ask in person.
              or: This isn't working. I'll call when somebody's there.
            SYSTEM: The caller hung up.
        """,
        slots={"misheard": ("ten", "thirteen", "fourteen", "two")},
        summary=(
            "The number of guests ({units}) was misheard twice and the caller gave up. Nothing was booked for {date}.",
            "Caller wanted {units} seats on {date}; the agent kept hearing {misheard}. No booking.",
        ),
        expected=_BOOK,
        actual="The party size was misunderstood and no table was booked.",
        tags=("misheard",),
    ),
)
