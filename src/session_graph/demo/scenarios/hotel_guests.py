"""Lantern Quay Hotel: what guests need before, during and after a stay."""

from session_graph.demo.scenario import Scenario, Value

_ROOMS: tuple[Value, ...] = (112, 207, 214, 305, 318, 402, 411)

SCENARIOS = (
    Scenario(
        topic="Late check-out",
        share=6,
        regular=True,
        lead=True,
        hours=(7, 13),
        slots={"room_number": _ROOMS, "until fee": (("1 pm", 20), ("2 pm", 30), ("3 pm", 40))},
        lead_value="{fee}.00",
        other_contact="Room {room_number}",
        script="""
            USER: Hi, room {room_number}. Could we check out at {until}?
              or: Good {daypart}, I'm in {room_number}. Is a late check-out possible, say {until}?
            AGENT: Let me see. Yes, until {until} for £{fee}. May I have the name on the booking?
              or: Until {until} it would be £{fee}. Under which name are you staying?
            USER: {name}.
              or: {name}. That's fine.
            AGENT: Thank you, {first}. Room {room_number} is yours until {until}.
              or: Done, {first}. Enjoy the morning, {until} it is.
            USER/maybe: Can we leave our bags afterwards?
            AGENT/maybe: Of course, the porter will keep them as long as you like.
              or: Certainly. Just bring them to the desk.
        """,
        summary=(
            "{who} in room {room_number} keeps the room until {until} for £{fee}.",
            "Late check-out until {until}, room {room_number}, £{fee}.",
        ),
        expected="Check the room plan, offer a late check-out with its price.",
        actual="A late check-out was granted.",
        tags=("in-house",),
    ),
    Scenario(
        topic="Late check-out",
        share=2,
        regular=True,
        lead=True,
        unavailable=True,
        hours=(7, 13),
        slots={"room_number": _ROOMS, "until": ("3 pm", "4 pm", "5 pm")},
        other_contact="Room {room_number}",
        script="""
            USER: Any chance to stay until {until}? Room {room_number}.
              or: Our flight is late, can we keep {room_number} until {until}?
            AGENT: I'm sorry, {room_number} has new guests today. The latest is noon.
              or: Not today, I'm afraid, the house is full. I can offer noon.
            USER: Okay, then we'll leave at eleven.
              or: No, noon doesn't help. Never mind.
            AGENT: We'd be happy to keep your luggage.
              or: You're welcome to use the lounge and the showers at the spa.
        """,
        summary=("Room {room_number} asked to stay until {until}; not possible, the room is taken again.",),
        expected="Check the room plan, offer a late check-out with its price.",
        actual="No late check-out possible; luggage storage was offered.",
        tags=("in-house",),
    ),
    Scenario(
        topic="Airport transfer",
        share=6,
        lead=True,
        service="arrival",
        ahead=(1, 14),
        slots={
            "airport fare": (("Heathrow", 95), ("Gatwick", 120), ("City Airport", 55), ("Stansted", 115)),
            "flight": ("LQ 204", "BK 1178", "NV 66", "QT 381"),
        },
        lead_value="{fare}.00",
        script="""
            USER: Can you have us picked up from {airport} {day}?
              or: Hello, do you arrange cars from {airport}? We land {day}.
              or: We're staying with you from {day} and need a transfer from {airport}.
            AGENT: Of course. A car from {airport} is £{fare}. When do you land, and with which flight?
              or: With pleasure, £{fare} for up to four people. May I have the flight and the time?
            USER: {flight}, landing at {time}.
              or: At {time}, the flight is {flight}.
            AGENT: Thank you. And the name on the booking?
              or: And what name should the driver look for?
            USER: {name}.
              or: {name}, like the booking.
            (contact)
            AGENT: Your driver will wait in arrivals with a sign, {first}. Reference {code}.
              or: All set, {first}: {airport}, {day}, {time}, {flight}. The driver watches for delays.
            (goodbye)
        """,
        summary=(
            "{who} ordered a car from {airport} on {date} at {time} ({flight}), £{fare}.",
            "Transfer: {airport}, {date}, {time}, {flight}.",
        ),
        expected="Quote the fare, take flight and name, order the car.",
        actual="The car was ordered.",
        tags=("concierge",),
    ),
    Scenario(
        topic="Spa",
        share=6,
        lead=True,
        service="treatment",
        ahead=(0, 9),
        slots={
            "treatment price": (
                ("a deep tissue massage", 85),
                ("a facial", 70),
                ("the couple's ritual", 160),
                ("a steam bath", 35),
            )
        },
        lead_value="{price}.00",
        script="""
            USER: I'd like to book {treatment} {day}.
              or: Hello, is there a free appointment for {treatment} {day}?
            AGENT: For {day} I have {time} and {time2}. It's £{price}.
              or: {treatment_start} is £{price}. Would {time} or {time2} suit you?
            USER: {time_start}, please.
              or: I'll take {time}.
            AGENT: Lovely. What is your name?
              or: Gladly. Under which name?
            USER: {name}.
              or: {name}, thank you.
            (contact)
            AGENT: {treatment_start} {day} at {time}, {first}. Robes and slippers are waiting in the changing room.
              or: It's booked, {first}. Please come fifteen minutes before {time}.
            (goodbye)
        """,
        summary=(
            "{who} booked {treatment} on {date} at {time}, £{price}.",
            "Spa: {treatment}, {date}, {time}.",
        ),
        expected="Offer times, name the price and book.",
        actual="The treatment was booked.",
        tags=("spa",),
    ),
    Scenario(
        topic="Spa",
        share=2,
        lead=True,
        anonymous=True,
        newcomer=True,
        channels=("VOICE", "CHAT"),
        service="treatment",
        ahead=(1, 9),
        slots={"treatment": ("a massage", "a day pass")},
        script="""
            USER: Can I use the spa without staying at the hotel?
              or: Is the spa open to visitors? I'm thinking of {treatment}.
            AGENT: Yes, visitors are welcome. {day_start} there's room for {treatment}. Shall I book it?
              or: It is, every day until nine. I could book {treatment} for {day} at {time}.
            USER: I'll think about it.
              or: It would be a present, I must ask first.
            AGENT: May I send you our list of treatments?
              or: Shall I reserve it until tomorrow? I'd need a phone number.
            USER: No, I'll look at the website.
              or: No, thanks. Bye.
        """,
        summary=("A visitor asked for {treatment} at the spa and left no contact.",),
        expected="Offer times, name the price and book.",
        actual="A time was offered; no contact was left.",
        tags=("spa", "undecided"),
    ),
    Scenario(
        topic="Breakfast and dining",
        share=5,
        slots={
            "question answer": (
                ("When is breakfast", "Breakfast is from 7 to 10:30, at weekends until 11"),
                ("Do you have vegan options at breakfast", "Plenty, and the kitchen makes a vegan full English"),
                ("Is the bar open tonight", "The bar is open every night until midnight"),
                ("Can we have breakfast in our room", "Yes, hang the card on your door before 2 am; the tray is £6"),
            ),
        },
        script="""
            USER: {question}?
              or: Hi there. {question}?
              or: Good {daypart}! {question}?
            AGENT: {answer}. Can I do anything else for you?
              or: {answer}.
            USER: That's all, thanks.
              or: Lovely, thank you.
            AGENT: With pleasure. Enjoy your stay!
              or: You're welcome.
        """,
        summary=("{question}? Answered: {answer}.", "Question about meals; answered."),
        expected="Answer from the house's information.",
        actual="The question was answered.",
    ),
    Scenario(
        topic="Parking and directions",
        share=5,
        script="""
            USER: Is there parking at the hotel?
              or: Hello, where can I leave the car?
              or: What is the easiest way to you by car, and can I park?
            AGENT: We have twelve spaces in the yard at £24 a night. Enter through Cooper's Lane.
              or: There's a small yard behind the house, £24 a night, reached by Cooper's Lane.
            USER: Can I reserve one?
              or: Do I need to book it?
            AGENT: It's first come, first served. If the yard is full, there's a car park over the bridge.
              or: We don't reserve them, sorry. The car park over the bridge always has room.
            USER: Good, thank you.
              or: Right, thanks.
            (farewell)
        """,
        summary=("Asked about parking: twelve spaces in the yard, £24 a night, not reservable.",),
        expected="Explain where to park and the price.",
        actual="Parking was explained.",
    ),
    Scenario(
        topic="Housekeeping",
        share=6,
        regular=True,
        channels=("SMS", "VOICE"),
        slots={
            "room_number": _ROOMS,
            "need": ("two more towels", "another pillow", "an iron", "an adapter for a US plug", "a kettle that works"),
        },
        other_contact="Room {room_number}",
        script="""
            USER: Hi, could we get {need} in {room_number}?
              or: Room {room_number} here, we need {need} please.
              or: hello, {need} for room {room_number}, please
            AGENT: Of course. {need_start} will be with you in ten minutes.
              or: Right away. Somebody will bring {need} to {room_number}.
            SYSTEM: Task for housekeeping: {need}, room {room_number}.
            USER: Thank you!
              or: Super quick, thanks.
        """,
        summary=("Room {room_number} asked for {need}; passed to housekeeping.",),
        expected="Pass the wish to housekeeping.",
        actual="Housekeeping was informed.",
        tags=("in-house",),
    ),
    Scenario(
        topic="Complaint",
        share=4,
        regular=True,
        verdict="YES_B",
        todo=1.0,
        channels=("VOICE", "SMS"),
        slots={
            "room_number": _ROOMS,
            "problem": (
                "the people next door are very loud",
                "the heating doesn't work",
                "the shower is cold",
                "there's a smell of paint",
            ),
        },
        other_contact="Room {room_number}",
        script="""
            USER: I'm in {room_number} and {problem}.
              or: Hello, room {room_number}. I'm sorry to complain, but {problem}.
            AGENT: I'm so sorry. I'm sending {staff} to you now. Who am I speaking with?
              or: That shouldn't be. {staff} is on the way to {room_number}. May I have your name?
            USER: {name}.
              or: {name}. Please hurry.
            SYSTEM/maybe: Duty manager paged: room {room_number}.
            AGENT: Thank you for your patience, {first}. If it can't be fixed, we'll offer you another room.
              or: {staff} will be with you in a few minutes, {first}. Otherwise we'll move you to another room.
            USER: All right.
              or: Fine. I hope so.
        """,
        summary=(
            "{who} in room {room_number} complained: {problem}. {staff} was sent.",
            "Complaint from room {room_number} ({problem}); the duty manager is on it.",
        ),
        expected="Apologise, send the duty manager, offer another room.",
        actual="The duty manager was sent; the outcome is open.",
        tags=("complaint", "in-house"),
    ),
    Scenario(
        topic="Invoice",
        share=4,
        regular=True,
        slots={
            "company": ("Halvorsen Maritime", "Redgate Analytics", "Brook & Fell Solicitors"),
            "when": ("last week", "on Monday", "in spring"),
        },
        other_contact="{company}",
        script="""
            USER: I stayed with you {when} and need an invoice for {company}.
              or: Hi, could you send me the invoice of my stay {when}, made out to {company}?
            AGENT: Certainly. What name was the room booked under?
              or: With pleasure. Your name, please?
            USER: {name}.
            AGENT: Thank you, {first}. Where may I send it?
              or: Found it. Which e-mail address shall I use, {first}?
            USER: {email}
              or: To {email} please
            AGENT: It's on its way to you, made out to {company}.
              or: Sent. Please look in the spam folder if it doesn't arrive.
            (goodbye)
        """,
        summary=("{who} asked for an invoice made out to {company}; sent by e-mail.",),
        expected="Find the stay and send the invoice.",
        actual="The invoice was sent.",
        tags=("invoice",),
    ),
    Scenario(
        topic="Lost and found",
        share=3,
        regular=True,
        verdict="YES_B",
        todo=0.9,
        slots={
            "room_number": _ROOMS,
            "thing": ("a charger", "a plush rabbit", "a silver earring", "a rain coat"),
        },
        script="""
            USER: I checked out today and left {thing} in {room_number}.
              or: Hi, I think {thing} is still in room {room_number}.
            AGENT: I'll ask housekeeping to look. What is your name?
              or: Let me have that checked. May I have your name?
            USER: {name}.
            (callback)
            AGENT: If we find it, we'll post it to you, {first}.
              or: Thank you, {first}. {staff} will let you know today.
        """,
        summary=("{who} left {thing} in room {room_number}; housekeeping is to look.",),
        expected="Check the lost property list, else note the item and a contact.",
        actual="The item was noted and housekeeping informed.",
        tags=("lost-property", "callback"),
    ),
    Scenario(
        topic="Pets",
        share=3,
        verdict="NO",
        channels=("CHAT", "SMS"),
        slots={"pet": ("a small dog", "two cats", "a parrot", "our old Labrador")},
        script="""
            USER: Can we bring {pet}?
              or: Hi! We're travelling with {pet}. Is that okay?
            AGENT: Our rooms have a river view and free wireless. Would you like to book one?
              or: Check-in is from 3 pm and check-out until 11 am. Anything else?
            USER: that wasn't my question. {pet}, yes or no?
              or: I asked about {pet}...
            AGENT: I'm sorry, I don't know about that.
              or: I can't say, I'm afraid.
            USER: ok, we'll look for another hotel
              or: Okay... bye
        """,
        summary=("Asked whether {pet} may come along and got no answer.", "Pets: the agent did not know; user left."),
        expected="Answer from the house rules, or offer to ask the manager.",
        actual="The question was not answered.",
        tags=("knowledge-gap",),
    ),
)
