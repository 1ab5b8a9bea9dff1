"""Sunrise Bistro: private parties and catering."""

from session_graph.demo.scenario import Scenario

SCENARIOS = (
    Scenario(
        topic="Private party",
        share=4,
        lead=True,
        todo=0.7,
        service="party",
        ahead=(12, 45),
        units=(18, 44),
        pace=2.4,
        channels=("VOICE", "CHAT"),
        hours=(8, 23),
        slots={
            "event event_a": (
                ("rehearsal dinner", "a rehearsal dinner"),
                ("60th birthday", "a 60th birthday"),
                ("baby shower", "a baby shower"),
                ("retirement party", "a retirement party"),
                ("engagement party", "an engagement party"),
            ),
            "menu": ("the three-course seasonal menu", "family-style platters", "a standing buffet"),
            "wish": (
                "a projector",
                "a vegan main course",
                "a small stage",
                "a corkage arrangement",
                "step-free access",
            ),
        },
        script="""
            USER: Hello, I'm planning {event_a} and I wonder if you have a private room.
              or: Hi! Do you host private events? We're planning {event_a}.
            AGENT: Congratulations, and yes: the Garden Room is ours for private parties, with seats for up to 60.
              When would it be, and for how many?
              or: We do! The Garden Room holds up to 60 guests. Which date do you have in mind, and how many guests?
            USER: {day_start}, about {units} people.
              or: We're thinking of {day}, roughly {units} guests.
            AGENT: The Garden Room is free {day} from {time}. Would you like to sit down or to have it informal?
              or: Good news, it is free {day}. We could welcome you at {time}. What kind of meal do you imagine?
            USER: We were thinking of {menu}.
              or: Perhaps {menu}, if you do that.
            AGENT: We do that often. With drinks it comes to about $65 a guest, so around ${value:,} for {units}.
              or: Certainly. That is about $65 a guest with drinks, for {units} guests around ${value:,}.
            USER: That's within our budget. Could we also have {wish}?
              or: Okay, that's what we expected. We'd also need {wish}.
            AGENT: I've noted {wish}. {staff}, our event manager, will go through the details with you. Your name?
              or: That should be possible, {staff} from our events team will confirm it. Who may I say is asking?
            USER: {name}.
              or: My name is {name}.
            (contact)
            AGENT: Thank you, {first}. I'm holding the Garden Room for {day}, {time}, for seven days. Reference {code}.
              or: Then the room is on hold for you until {staff} calls, {first}. The reference is {code}.
            (goodbye)
        """,
        summary=(
            "{who} is planning {event_a} for {units} guests on {date}. The Garden Room is on hold; {staff} follows up.",
            "{event_start} for about {units}, {date} from {time}, with {menu}. Also wants {wish}.",
        ),
        expected="Qualify the event, quote per guest, hold the room and hand over to the event manager.",
        actual="The event was qualified, the room put on hold and the event manager informed.",
        tags=("events", "hot-lead"),
    ),
    Scenario(
        topic="Private party",
        share=2,
        lead=True,
        todo=0.8,
        service="party",
        ahead=(14, 45),
        units=(24, 60),
        pace=2.0,
        channels=("VOICE", "CHAT"),
        hours=(8, 19),
        slots={
            "company": ("Halden & Pryce", "the Mercer Street Choir", "Oakline Architects", "Tidewell Software"),
            "minimum": (1800, 2400, 3000),
        },
        lead_value="{minimum}.00",
        other_contact="{company}",
        script="""
            USER: Hi, I'm organising the team dinner for {company}, {units} people. Do you do that?
              or: Good {daypart}, this is about a company dinner for {company}. We'd be {units}.
            AGENT: We'd love to host {company}. Do you have a date yet?
              or: With pleasure. Which day are you thinking of?
            USER: {day_start}, starting at {time}.
              or: Ideally {day}, {time} or so.
            AGENT: {day_start}, the Garden Room has a minimum spend of ${minimum:,}, drinks included. Is that all right?
              or: It's free. For {day} the minimum spend is ${minimum:,}, all included. Would that work for {company}?
            USER: Yes, that should be fine.
              or: I'd have to ask accounting, but it sounds reasonable.
              or: That works. We spent more last year.
            AGENT: Great. Who is our contact at {company}?
              or: And your name, please?
            USER: {name}, I run the office.
              or: That would be me, {name}.
            AGENT: Thank you, {first}. {staff} will send you the menus. Which e-mail address shall we use?
              or: Where can {staff} send the offer, {first}?
            USER: {email}
              or: Please use {email}
            AGENT: Noted. You'll have the offer by tomorrow, and the room is on hold until then. Reference {code}.
              or: Perfect. {staff} will write within a day. Your reference is {code}.
            (goodbye)
        """,
        summary=(
            "{who} of {company} asked for a team dinner for {units} on {date}; minimum spend ${minimum:,} accepted in "
            "principle. Offer to be sent.",
            "Company event, {company}, {units} guests, {date}. {staff} sends menus and an offer.",
        ),
        expected="Qualify the event, name the minimum spend, take an e-mail address for the offer.",
        actual="The event was qualified; the offer is to be sent by the event manager.",
        tags=("events", "corporate"),
    ),
    Scenario(
        topic="Private party",
        share=2,
        lead=True,
        unavailable=True,
        service="party",
        ahead=(6, 30),
        units=(15, 50),
        pace=1.4,
        slots={"event_a": ("a wedding lunch", "a christening", "a 40th birthday", "a class reunion")},
        script="""
            USER: Is your private room free {day}? It's for {event_a}, about {units} people.
              or: Hi, we'd like to celebrate {event_a} at your place {day}. We'd be {units}.
            AGENT: I'm so sorry, the Garden Room is already taken {day}. Is the date fixed?
              or: That day is booked, unfortunately. Would another day be possible?
            USER: Yes, it has to be that day.
              or: No, the invitations are out already.
            AGENT: I understand. I can note you in case the other party cancels. What's your name?
              or: Then let me write you down in case the room comes free. Your name, please?
            USER: {name}.
              or: Please do. {name}.
            (callback)
            AGENT: Noted, {first}. If anything changes you'll be the first to know.
              or: Thank you, {first}. We'll call you at once if the room comes free.
        """,
        summary=(
            "Garden Room already taken on {date}. {who} wanted it for {event_a} with {units} guests.",
            "{who} asked for {date}, {units} guests ({event_a}); no availability, noted in case of a cancellation.",
        ),
        expected="Offer another date, else note the request.",
        actual="The room was not free and the date was fixed; the request was noted.",
        tags=("events",),
    ),
    Scenario(
        topic="Private party",
        share=2,
        lead=True,
        refused=True,
        verdict="NO",
        service="party",
        ahead=(8, 40),
        units=(14, 30),
        channels=("SMS", "CHAT"),
        slots={"budget": (25, 30, 35)},
        script="""
            USER: Do you do birthday parties? {units} people, {day}
              or: hi, how much for a party of {units} {day}?
            AGENT: We do, in the Garden Room. With a set menu and drinks it's about $65 a guest. Shall I hold {time}?
              or: With pleasure! Set menus with drinks are about $65 a guest. {day_start} from {time} is free.
            USER: That's way over our budget. We have ${budget} a head.
              or: Too much for us, we were thinking ${budget} each.
            AGENT: Lunch menus start at $48 a guest. Would that be an option?
              or: At lunchtime we can do it from $48 a guest. Would that help?
            USER: No, still too expensive. Thanks anyway
              or: no that's too much
            AGENT: I understand. Thank you for asking, and have a wonderful party.
              or: Thank you for letting me know. All the best for the party!
        """,
        summary=(
            "Birthday for {units} on {date}; declined at $65 and at $48 a guest, budget ${budget}.",
            "Lost on price: {units} guests with ${budget} a head.",
        ),
        expected="Qualify the event and win it with a menu that fits the budget.",
        actual="No menu fitted the budget and the user declined.",
        tags=("events", "price"),
    ),
    Scenario(
        topic="Catering",
        share=2,
        lead=True,
        todo=0.6,
        verdict="YES_B",
        service="party",
        ahead=(3, 20),
        units=(10, 35),
        hours=(8, 18),
        slots={
            "food": ("breakfast boxes", "sandwich platters", "salads and quiches"),
            "street": ("Orchard", "Pearl", "Mott"),
        },
        script="""
            USER: Do you cater? We need {food} for {units} people {day}.
              or: Hello, I'm looking for someone to bring {food} to our office {day}, {units} people.
            AGENT: We do cater, {food} are among our favourites. Where should it go?
              or: Yes, within Manhattan. What's the address?
            USER: {street} Street, fourth floor.
              or: To our office in {street} Street.
            AGENT: The kitchen has to confirm the date, so I'll pass it to {staff}. May I have your name?
              or: Catering is planned by hand, {staff} will confirm. Whom may we call back?
            USER: {name}.
              or: It's {name}.
            (contact)
            AGENT: Thank you, {first}. You'll hear from {staff} today about {food} for {units}.
              or: I've passed it on: {food} for {units}, {day}, {street} Street.
        """,
        summary=(
            "{who} wants {food} for {units} delivered to {street} Street on {date}; {staff} has to confirm.",
            "Catering request: {food}, {units} people, {date}.",
        ),
        expected="Take the catering order.",
        actual="The kitchen has to confirm the date; a call back was promised.",
        tags=("catering", "callback"),
    ),
)
