"""Lantern Quay Hotel: rooms booked, changed, cancelled, and not to be had."""

from session_graph.demo.scenario import Scenario

_BOOK = "Offer a room, take name and contact, book and confirm."

SCENARIOS = (
    Scenario(
        topic="Room booking",
        share=12,
        pace=1.5,
        lead=True,
        service="arrival",
        ahead=(1, 40),
        books="asked",
        units=(1, 5),
        slots={
            "room rate": (("a river double", 165),),
            "wish": ("a high floor", "a quiet room", "a baby cot", "twin beds"),
        },
        script="""
            USER: Hello, do you have a double room for {stay} from {day}?
              or: Good {daypart}. I'd like a double, arriving {day}, {stay}.
              or: Hi, I'm looking for a room for two, {stay}, checking in {day}.
            AGENT: {day_start}, {stay}, so until {checkout}: I have a river double at £165 a night. Shall I book it?
              or: We have a river double for you at £165 a night, so £{total:,} for {stay}. Would you like it?
              or: Yes, a river double is free until {checkout}. It's £165 a night with breakfast.
            USER: That sounds good, yes.
              or: Perfect, I'll take it.
              or: Yes please. Breakfast is included, isn't it?
            AGENT: Wonderful, breakfast is included. What name is the booking under?
              or: Breakfast is on us. May I have your name?
            USER: {name}.
              or: It's {name}.
              or: {name}, please.
            (contact)
            USER/maybe: Could we have {wish}?
              or: If possible, {wish} would be lovely.
            AGENT/maybe: I've asked for {wish}. We confirm it on the day.
              or: Noted: {wish}, if at all possible.
            AGENT: You're booked from {day} to {checkout}, {first}. Your reference is {code}.
              or: All done, {first}. {stay_start} from {day}, £{total:,} in total, reference {code}.
            (goodbye)
        """,
        summary=(
            "{who} booked a river double for {stay} from {date}, £{total:,}. Reference {code}.",
            "Direct booking: {stay} from {date}, river double, {name}.",
        ),
        expected=_BOOK,
        actual="The room was booked and confirmed.",
    ),
    Scenario(
        topic="Room booking",
        share=6,
        lead=True,
        service="arrival",
        ahead=(3, 45),
        books="asked",
        units=(2, 6),
        channels=("CHAT",),
        slots={
            "room rate party_of": (
                ("the Lantern Suite", 310, "the two of us"),
                ("a family room", 225, "two adults and two children"),
                ("an accessible double", 165, "me and my mother, who uses a wheelchair"),
            ),
        },
        lead_value="{total}.00",
        script="""
            USER: Hi! Is {room} free from {day} to {checkout}?
              or: Looking for {room} for {party_of}, {day} until {checkout}.
            AGENT: It is. {room_start} is £{rate} a night, so £{total:,} for {stay} with breakfast.
              or: Yes! For {stay} {room} comes to £{total:,}, breakfast included.
            USER: Can I cancel if something happens?
              or: What are the terms?
            AGENT: Free of charge until 48 hours before arrival. Booking direct, you pay at the hotel.
              or: You can cancel up to 48 hours before, and you pay when you leave.
            USER: Great, please book it. {name}, {email}
              or: Okay, let's do it. Name is {name}, e-mail {email}
            AGENT: Thank you, {first}. It's booked, and the confirmation is in your mailbox. Reference {code}.
              or: Booked! The confirmation {code} is on its way to you, {first}.
            (goodbye)
        """,
        summary=(
            "{who} booked {room} for {stay} from {date} on the website, £{total:,}.",
            "Chat booking: {room}, {date}, {stay}, confirmation sent by e-mail.",
        ),
        expected=_BOOK,
        actual="The room was booked and the confirmation e-mailed.",
        tags=("direct-rate",),
    ),
    Scenario(
        topic="Room booking",
        share=5,
        lead=True,
        unavailable=True,
        service="arrival",
        ahead=(0, 9),
        units=(1, 3),
        slots={"event": ("the boat show", "a concert at the dome", "the marathon", "a trade fair")},
        script="""
            USER: Do you have a room {day}, {stay}?
              or: Hi, anything free from {day} for {stay}?
            AGENT: I'm sorry, we're full {day} because of {event}. Are your dates flexible?
              or: Unfortunately every room is taken then, there's {event} in town. Would another date do?
            USER: No, I'm coming for exactly that.
              or: Sadly not.
            AGENT: Then let me note you for a cancellation. May I have your name?
              or: I can put you on the waiting list. Your name?
            USER: {name}.
              or: Yes, do that. {name}.
            (callback)
            AGENT: We'll write as soon as a room comes free, {first}.
              or: You're first on the list, {first}. Fingers crossed!
        """,
        summary=(
            "No room from {date} for {stay} because of {event}. {who} is on the waiting list.",
            "Full house on {date}; {who} waits for a cancellation.",
        ),
        expected=_BOOK + " If full, offer other dates or the waiting list.",
        actual="The house was full and the dates fixed; waiting list.",
        tags=("waiting-list",),
    ),
    Scenario(
        topic="Room booking",
        share=5,
        lead=True,
        refused=True,
        verdict="NO",
        service="arrival",
        ahead=(0, 30),
        units=(1, 4),
        slots={"cheaper": ("£119 on a booking site", "£130 elsewhere", "£99 at the place by the station")},
        script="""
            USER: What's your best price for {stay} from {day}?
              or: How much is a double from {day}, {stay}?
            AGENT: The river double is £165 a night with breakfast, £{value:,} in all. Shall I book it?
              or: £165 a night, breakfast included. For {stay} that makes £{value:,}.
            USER: I've seen {cheaper}. Can you match that?
              or: Hm, it's {cheaper}.
            AGENT: I'm afraid I can't go below our rate, but you can cancel free of charge with us.
              or: Our rate is fixed, with breakfast and free cancellation.
            USER: Then no, thanks.
              or: Not for me then. Bye.
              or: OK, I'm off.
            (hangs_up)
        """,
        summary=(
            "Asked for {stay} from {date}; lost on price (had seen {cheaper}).",
            "Price too high: £165 a night against {cheaper}.",
        ),
        expected=_BOOK,
        actual="The user declined because of the price.",
        tags=("price",),
    ),
    Scenario(
        topic="Room booking",
        share=4,
        lead=True,
        anonymous=True,
        newcomer=True,
        channels=("VOICE", "CHAT"),
        service="arrival",
        ahead=(5, 45),
        units=(2, 5),
        script="""
            USER: Would you have something for {stay} around {day}?
              or: Just checking, are there rooms from {day} to {checkout}?
            AGENT: There are. A river double is £165 a night. May I book one, or hold it for a day?
              or: Yes, at £165 a night. I could hold one until tomorrow, if you leave me a name and a number.
            USER: We're still deciding between two cities.
              or: I'm only getting an idea of prices.
            AGENT: Of course. Shall I send you the offer so that you have it in writing?
              or: No problem. May I e-mail you the details?
            USER: No, thank you. I'll come back to you.
              or: Not necessary. Thanks for the information.
            AGENT: With pleasure. We'd love to have you.
              or: Then enjoy planning your trip!
        """,
        summary=("Asked for prices for {stay} from {date}; comparing, left no contact.",),
        expected=_BOOK,
        actual="An offer was made; the user left no contact.",
        tags=("undecided",),
    ),
    Scenario(
        topic="Room booking",
        share=4,
        lead=True,
        verdict="YES_B",
        todo=0.8,
        service="arrival",
        ahead=(1, 25),
        books="asked",
        units=(1, 4),
        slots={"room rate": (("a river double", 165),)},
        script="""
            USER: I'd like to book a double from {day}, {stay}.
              or: Could I reserve a room from {day} to {checkout}?
            AGENT: Certainly, one moment.
              or: With pleasure. I'm checking.
            SYSTEM: staywell: the room plan is being synchronised, try again later.
            AGENT: Our room plan is being updated, so I can't confirm on the spot. {staff} will, within the hour.
              Your name, please?
              or: I can see rooms but can't book just now. {staff} will confirm very soon. What is your name?
            USER: {name}.
              or: All right, {name}.
            (contact)
            AGENT: I've noted a river double from {day} for {stay}, {first}. {staff} will confirm.
              or: Thank you, {first}. You'll have the confirmation from {staff} within the hour.
            (goodbye)
        """,
        summary=(
            "Room plan not available. {who} asked for {stay} from {date}; {staff} is to confirm by hand.",
            "Request for {stay} from {date} noted during an outage of the room plan.",
        ),
        expected=_BOOK,
        actual="The room plan was not available; the request was passed on.",
        tags=("callback",),
    ),
    Scenario(
        topic="Room booking",
        share=3,
        lead=True,
        service="arrival",
        ahead=(2, 30),
        books="asked",
        units=(2, 4),
        language="fr",
        slots={"room rate": (("a river double", 165),)},
        script="""
            USER: Bonjour, parlez-vous français ? Je cherche une chambre double à partir de {day}, {units} nuits.
              or: Bonjour ! Avez-vous une chambre pour deux, arrivée {day}, pour {units} nuits ?
            AGENT: Bien sûr. Une chambre double côté fleuve est libre, à 165 livres la nuit, petit déjeuner compris.
              or: Avec plaisir. Nous avons une double côté fleuve pour {total} livres au total.
            USER: Très bien, je la prends.
              or: C'est parfait, réservez-la s'il vous plaît.
            AGENT: À quel nom, s'il vous plaît ?
              or: Quel est votre nom ?
            USER: {name}.
              or: Au nom de {name}.
            AGENT/voice: Merci, {first}. Puis-je garder le numéro dont vous appelez ?
            USER/voice: Oui, tout à fait.
              or: Oui, c'est le bon.
            AGENT/chat: Merci, {first}. Votre téléphone ou votre e-mail ?
            USER/chat: {contact}
            AGENT: C'est réservé : {units} nuits, arrivée {day}. Votre référence est {code}.
              or: Voilà, {first}, votre chambre vous attend {day}. Référence {code}.
            USER/maybe: Merci beaucoup, à bientôt.
              or: Merci, bonne journée !
        """,
        summary=("{who} booked in French: river double, {stay} from {date}. Reference {code}.",),
        expected=_BOOK,
        actual="The room was booked and confirmed in French.",
        tags=("french",),
    ),
    Scenario(
        topic="Group booking",
        share=4,
        lead=True,
        todo=0.9,
        service="arrival",
        ahead=(25, 60),
        units=(12, 40),
        pace=2.6,
        channels=("VOICE", "CHAT"),
        slots={
            "group": ("a wedding party", "a choir on tour", "a rowing club", "a sales meeting"),
            "meal": ("dinner on the first evening", "packed lunches", "a meeting room", "late breakfasts"),
        },
        script="""
            USER: I'm organising rooms for {group}, arriving {day}.
              or: Hello, do you take groups? It's {group}, from {day}.
            AGENT: We do, and gladly. How many room nights would it be in all?
              or: Certainly. How many rooms and nights are you thinking of?
            USER: {units} room nights altogether.
              or: Counting everything, {units} room nights.
            AGENT: For {units} room nights our usual rate would come to £{value:,}. Groups get one night in ten free.
              or: That's £{value:,} at our usual rate, and every tenth night is on us.
            USER: That sounds fair. We'd also need {meal}.
              or: Good. And can you arrange {meal}?
            AGENT: I've noted {meal}. {staff}, who looks after groups, will write the offer. What is your name?
              or: That can be arranged. {staff} will put everything in writing. And you are?
            USER: {name}.
              or: {name}, I'm the organiser.
            AGENT: Thank you. To which e-mail address may {staff} send the offer?
              or: Lovely, {first}. Which e-mail address should we use?
            USER: {email}
            AGENT: You'll have it within a day. The rooms are on option until then, reference {code}.
              or: {staff} will write today, {first}. The option runs under {code}.
            (goodbye)
        """,
        summary=(
            "{who} organises {group}: {units} room nights from {date}, also {meal}. {staff} writes the offer.",
            "Group request, {group}, {units} room nights, arrival {date}.",
        ),
        expected="Qualify the group, name the group rate, take an e-mail address and put rooms on option.",
        actual="The group was qualified; an offer follows by e-mail.",
        tags=("groups", "hot-lead"),
    ),
    Scenario(
        topic="Change of dates",
        share=4,
        returning=True,
        service="arrival",
        ahead=(2, 25),
        books="moved",
        units=(1, 4),
        slots={"room rate": (("a river double", 165),)},
        script="""
            USER: Hello, {name}. I've booked from {day}, but I'd rather arrive {day2}.
              or: It's {name}. Could we move our stay from {day} to {day2}?
            AGENT: I see your booking, {first}: {stay}, {room}. {day2_start} is possible. Shall I change it?
              or: Certainly, {first}. {room_start} is free from {day2} as well. Shall I move it?
            USER: Yes, please.
              or: Please do, same number of nights.
            AGENT: Done. We expect you {day2}, for {stay}. The reference is unchanged.
              or: Your new arrival is {day2}, {first}. You'll get a new confirmation.
            (goodbye)
        """,
        summary=(
            "{who} moved a stay of {stay} from {date} to {date2}.",
            "Arrival changed from {date} to {date2}, {stay}.",
        ),
        expected="Find the booking, check the new dates and change it.",
        actual="The booking was changed.",
    ),
    Scenario(
        topic="Cancellation",
        share=4,
        returning=True,
        service="arrival",
        ahead=(1, 25),
        books="cancelled",
        units=(1, 4),
        slots={"reason": ("My trip was called off", "I'm ill", "The meeting was moved online")},
        script="""
            USER: I need to cancel my booking from {day}. {reason}. The name is {name}.
              or: Hi, it's {name}. {reason}, so we can't come {day}.
            AGENT: I'm sorry, {first}. Would you like to move it to another date instead?
              or: What a pity, {first}. We could also move it, free of charge.
            USER: No, please cancel.
              or: Not at the moment, thanks.
            AGENT: It's cancelled, {first}. You'll receive a confirmation.
              or: I've cancelled {stay} from {day}. We hope to welcome you another time.
        """,
        summary=('{who} cancelled {stay} from {date} ("{reason}").',),
        expected="Offer another date, else cancel and confirm.",
        actual="Another date was offered; the booking was cancelled.",
    ),
)
