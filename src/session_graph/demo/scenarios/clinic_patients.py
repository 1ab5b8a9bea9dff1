"""Harbor Lane Dental: emergencies, insurance, bills and questions."""

from session_graph.demo.scenario import Scenario

SCENARIOS = (
    Scenario(
        topic="Emergency",
        share=6,
        lead=True,
        service="chair",
        ahead=(0, 1),
        books="asked",
        hours=(6, 17),
        channels=("VOICE", "CHAT"),
        slots={
            "trouble": ("a terrible toothache", "a broken molar", "a lost crown", "an abscess"),
            "night": ("since last night", "since this morning", "for two days now"),
            "doctor": ("Dr. Wu", "Dr. Abernathy"),
            "reason": ("an emergency visit",),
        },
        script="""
            USER: I have {trouble}, {night}. Can I see somebody?
              or: Please, I need help. It's {trouble}, {night}.
            AGENT: I'm sorry you're in pain. Is there any swelling or fever, or trouble swallowing?
              or: That sounds painful. Do you have a fever, or is your face swollen?
            USER: No, just pain.
              or: No fever. It just hurts a lot.
            AGENT: Good. {doctor} can see you {day} at {time}. Shall I book you in?
              or: Then come to us {day} at {time}, {doctor} will fit you in.
            USER: Yes, please!
              or: Thank goodness, yes.
            AGENT: Your name, please?
              or: And what is your name?
            USER: {name}.
              or: {first}, {name}.
            (contact)
            AGENT: We'll see you {day} at {time}, {first}. A cold compress helps until then.
              or: You're in, {first}: {day}, {time}. Please don't eat on that side.
        """,
        summary=(
            "Emergency: {who} has {trouble}, {night}. Comes on {date} at {time}.",
            "{who} with {trouble}; no swelling or fever. Emergency slot {date}, {time}.",
        ),
        expected="Ask the three warning questions and give the next emergency slot.",
        actual="Warning signs were asked for and an emergency slot booked.",
        tags=("emergency",),
    ),
    Scenario(
        topic="Emergency",
        share=3,
        channels=("VOICE",),
        hours=(18, 24),
        todo=1.0,
        slots={"sign": ("My face is swollen and I have a fever", "The bleeding won't stop", "I can hardly swallow")},
        script="""
            USER: I had a tooth out and something is wrong. {sign}.
              or: I need help. {sign}.
            AGENT: This needs a doctor right now. Please go to the nearest emergency room, or dial 911 if it gets worse.
              or: Please don't wait: go to the emergency room. If you have trouble breathing, dial 911.
            USER: Okay. Okay, I'm going.
              or: Really? All right, we'll leave now.
            AGENT: I'm alerting our on-call dentist as well. What is your name?
              or: I'll also notify {staff}. Who is calling?
            USER: {name}.
              or: It's {name}.
            AGENT: Thank you, {first}. Somebody from our team will call you on this number.
              or: Get going, {first}. The on-call dentist will ring you on this number.
            SYSTEM: On-call dentist notified.
        """,
        summary=(
            "{who} reported warning signs after hours and was sent to the emergency room; the on-call dentist knows.",
        ),
        expected="Send the caller to the emergency room and notify the on-call dentist.",
        actual="The caller was sent to the emergency room; the on-call dentist was notified.",
        tags=("emergency", "urgent"),
    ),
    Scenario(
        topic="Insurance question",
        share=8,
        slots={
            "plan": ("Cedar Health PPO", "Bluepine Dental", "Unison Care", "Westbridge Mutual"),
            "treatment covered": (
                ("a cleaning", "fully covered twice a year"),
                ("a crown", "usually covered at 50 percent"),
                ("a filling", "usually covered at 80 percent"),
            ),
        },
        script="""
            USER: Do you accept {plan}?
              or: Hi, are you in network with {plan}?
              or: I have {plan} through my job. Could I come to you?
            AGENT: Yes, we work with {plan}.
              or: We're in network with {plan}, yes.
            USER: And what about {treatment}?
              or: How much of {treatment} would they pay?
            AGENT: With {plan}, {treatment} is {covered}. We check your plan before any treatment.
              or: That is {covered}. You'd get an estimate from us beforehand.
            USER: That's good to know. Thank you.
              or: Okay, thanks.
            AGENT/maybe: Would you like to make an appointment?
              or: Shall I look for an appointment?
            USER/maybe: Not today, thanks.
              or: Maybe later.
        """,
        summary=(
            "Asked whether {plan} is accepted and how {treatment} is covered: {covered}.",
            "Insurance question about {plan}; answered.",
        ),
        expected="Say whether the plan is accepted and what it usually covers.",
        actual="The question was answered.",
        tags=("insurance",),
    ),
    Scenario(
        topic="Insurance question",
        share=4,
        verdict="YES_B",
        todo=0.8,
        slots={"plan": ("Granite State Teachers", "Marlowe Union Fund", "TransPac Crew Health")},
        script="""
            USER: Do you take {plan}?
              or: I'm with {plan}. Does that work at your office?
            AGENT: I don't have {plan} on my list. {staff} in billing can find out. What's your name?
              or: I can't say for {plan}. I'll ask {staff} to check. Your name, please?
            USER: {name}.
              or: Sure. {name}.
            (callback)
            AGENT: {staff} will let you know about {plan}, {first}, by tomorrow noon.
              or: Thanks, {first}. You'll get an answer from {staff}.
        """,
        summary=("{who} asked about {plan}, which is not on the list. {staff} checks and replies.",),
        expected="Say whether the plan is accepted.",
        actual="The plan is not on the list; billing will reply.",
        tags=("insurance", "callback"),
    ),
    Scenario(
        topic="Billing",
        share=4,
        regular=True,
        verdict="YES_B",
        todo=0.9,
        pace=2.4,
        slots={"amount": (85, 140, 212, 365), "month": ("last month", "two weeks ago", "in spring")},
        script="""
            USER: I got a bill for ${amount} that I don't understand.
              or: Hello, I was charged ${amount} for my visit {month}. I thought it was covered.
            AGENT: I'm sorry for the confusion. I can't open invoices myself, but {staff} in billing can. Your name?
              or: Let's sort that out. {staff} handles invoices and will look at it. May I have your name?
            USER: {name}. The visit was {month}.
              or: {name}.
            (callback)
            AGENT: Please don't pay it until {staff} has been in touch, {first}.
              or: I've put it on {staff}'s list, {first}: ${amount}, visit {month}.
            USER: Alright. Thank you.
              or: I hope it's quick.
        """,
        summary=(
            "{who} questions a bill of ${amount}. {staff} in billing is to call.",
            "Bill of ${amount} for a visit {month} not understood; passed to billing.",
        ),
        expected="Take the question and pass it to billing with a contact.",
        actual="Passed to billing.",
        tags=("billing", "callback"),
    ),
    Scenario(
        topic="Aftercare",
        share=4,
        slots={
            "question answer": (
                ("May I drink coffee after the filling", "Yes, once the numbness is gone, usually after two hours"),
                (
                    "How long should it hurt after a tooth was pulled",
                    "Two or three days; it should get better every day",
                ),
                ("Can I brush after the gum treatment", "Yes, very gently with a soft brush, from tomorrow on"),
                ("My temporary crown came off. Is that bad", "It isn't urgent; keep it and come in within two days"),
            ),
        },
        script="""
            USER: {question}?
              or: Quick question. {question}?
            AGENT: {answer}. This is general advice; if it gets worse, call us at once.
              or: {answer}. If you're unsure, one of the dentists can call you.
            USER: Okay, that's reassuring.
              or: Thanks, that's what I wanted to know.
            (farewell)
        """,
        summary=("Aftercare question: {question}? Answered from the practice's leaflet.",),
        expected="Answer from the aftercare leaflet and name the warning signs.",
        actual="The question was answered from the leaflet.",
        tags=("aftercare",),
    ),
    Scenario(
        topic="Whitening",
        share=4,
        lead=True,
        service="chair",
        ahead=(2, 15),
        books="asked",
        slots={"kind price": (("in-office whitening", 399), ("take-home trays", 249)), "reason": ("whitening",)},
        lead_value="{price}.00",
        channels=("VOICE", "CHAT"),
        script="""
            USER: How much is teeth whitening?
              or: Hi, I saw your ad for whitening. What does it cost?
            AGENT: In-office whitening is $399 and takes an hour. Take-home trays are $249.
              or: We have two kinds: one hour in the chair for $399, or trays for home for $249.
            USER: I'd go for {kind}.
              or: {kind_start} sounds good.
            AGENT: Good choice. {day_start} at {time} would be free. What is your name?
              or: We could do that {day} at {time}. Shall I book it, and under what name?
            USER: {name}.
              or: Yes. {name}.
            (contact)
            AGENT: See you {day} at {time}, {first}, for {kind}. Reference {code}.
              or: Booked, {first}. Please come without lipstick, and we do the rest.
        """,
        summary=(
            "{who} booked {kind} (${price}) for {date} at {time}.",
            "Whitening: {kind}, ${price}, {date}.",
        ),
        expected="Explain prices and book.",
        actual="Prices were explained and an appointment booked.",
        tags=("whitening", "campaign"),
    ),
    Scenario(
        topic="Records transfer",
        share=3,
        regular=True,
        verdict="YES_B",
        todo=1.0,
        slots={"other": ("Dr. Lindholm in Oakland", "a dentist in Portland", "an orthodontist")},
        script="""
            USER: I need my X-rays sent to {other}.
              or: Hi, could you forward my records to {other}?
            AGENT: Certainly. We need your written consent, I can send you the form. Your name, please?
              or: We can, with a signed form. Who are you, and where may I send it?
            USER: {name}.
              or: {name}, thank you.
            AGENT: And your e-mail address, {first}?
              or: Thank you, {first}. To which e-mail address?
            USER: {email}
            AGENT: The form is on its way. Once signed, it takes two working days.
              or: Sent. As soon as we have it back, {staff} will forward the X-rays.
            (goodbye)
        """,
        summary=("{who} wants X-rays sent to {other}. The consent form was e-mailed.",),
        expected="Send the consent form and note the receiver.",
        actual="The form was sent; the transfer waits for the signature.",
        tags=("records",),
    ),
    Scenario(
        topic="Opening hours",
        share=6,
        service="chair",
        ahead=(0, 6),
        script="""
            USER: Are you open {weekday}?
              or: What are your hours {weekday}?
              or: Hi! Until when are you there {weekday}?
            AGENT: {weekday_start}, we're here {hours}.
              or: Yes, {hours}.
            USER: Thanks.
              or: Great, thank you.
            AGENT: You're welcome.
              or: Any time. Have a good {daypart}!
        """,
        summary=("Asked for the opening hours on {date}: {hours}.",),
        expected="Give the opening hours of the day.",
        actual="The opening hours were given.",
    ),
    Scenario(
        topic="Prescription",
        share=3,
        regular=True,
        verdict="NO",
        todo=0.7,
        slots={"drug": ("the pain pills", "the antibiotics", "the fluoride gel")},
        script="""
            USER: I need a refill of {drug}.
              or: Hi, could you send {drug} to my pharmacy?
            AGENT: Would you like to make an appointment for a check-up?
              or: I can offer you an appointment. When would you like to come?
            USER: No, I only need {drug}. The dentist said to just ask.
              or: I don't need an appointment. It's only about {drug}.
            AGENT: I'm sorry, I can't help with prescriptions.
              or: Prescriptions aren't something I can do here.
            USER: Then who can?
              or: So what am I supposed to do?
            AGENT: Please try again during opening hours.
              or: You could call again later.
            USER: Great. Thanks for nothing.
              or: Fine.
        """,
        summary=(
            "Refill of {drug} requested; the agent could not help and took no message.",
            "{who} needs {drug} and was told to call again.",
        ),
        expected="Take the request and pass it to the dentist with name and contact.",
        actual="The request was not taken; the patient was told to call again.",
        tags=("knowledge-gap",),
    ),
)
