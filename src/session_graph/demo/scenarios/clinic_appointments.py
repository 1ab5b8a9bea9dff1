"""Harbor Lane Dental: appointments made, moved, cancelled, and not to be had."""

from session_graph.demo.scenario import Scenario, Value

_NEW = "Offer appointments, take name and contact, book and confirm."
_DOCTORS: tuple[Value, ...] = ("Dr. Castellano", "Dr. Wu", "Dr. Abernathy")

SCENARIOS = (
    Scenario(
        topic="New patient appointment",
        share=12,
        pace=1.5,
        newcomer=True,
        lead=True,
        service="chair",
        ahead=(1, 12),
        books="asked",
        slots={
            "reason": ("a cleaning", "a check-up", "a chipped tooth", "sensitive teeth", "a second opinion on a crown"),
            "doctor": _DOCTORS,
            "found": ("a friend recommended you", "I just moved here", "my old dentist retired"),
        },
        script="""
            USER: Hi, I'd like to make an appointment. I'm not a patient yet.
              or: Hello, are you taking new patients? I need {reason}.
              or: Good {daypart}, {found} and I'd like to come in for {reason}.
            AGENT: Welcome! We're taking new patients. Are you in any pain, or can it wait a few days?
              or: We'd be glad to see you. Is it urgent?
            USER: No rush. It's about {reason}.
              or: No, it can wait. It's only {reason}.
            AGENT: {doctor} could see you {day} at {time}, or at {time2}. Which is better?
              or: The next openings are {day} at {time} and {time2}, both with {doctor}.
            USER: {time_start} works.
              or: I'll take {time}.
              or: The one at {time}, please.
            AGENT: Good. May I have your full name?
              or: And your name, please?
            USER: {name}.
              or: It's {name}.
            (contact)
            USER/maybe: Do I need to bring anything?
              or: Is there anything I should prepare?
            AGENT/maybe: A photo ID and your insurance card, please. Come ten minutes early for the forms.
              or: Just your insurance card. I'll text you the forms to fill in beforehand.
            AGENT: You're booked with {doctor} {day} at {time}, {first}. The reference is {code}.
              or: All done: {day}, {time}, {doctor}. We look forward to meeting you, {first}.
            (goodbye)
        """,
        summary=(
            "New patient {name}: {reason} with {doctor} on {date} at {time}.",
            "{who} is new, comes for {reason} and was booked with {doctor}, {date}, {time}.",
        ),
        expected=_NEW,
        actual="A first appointment was booked and confirmed.",
        tags=("new-patient",),
    ),
    Scenario(
        topic="New patient appointment",
        share=4,
        newcomer=True,
        lead=True,
        service="chair",
        ahead=(3, 12),
        books="moved",
        channels=("SMS", "CHAT"),
        slots={
            "plan": ("Cedar Health PPO", "Bluepine Dental", "Unison Care"),
            "reason": ("a cleaning", "a check-up"),
            "doctor": _DOCTORS,
        },
        script="""
            USER: hi, do you take {plan}? looking for {reason}
              or: Hello! I'm new in town and need {reason}. Do you work with {plan}?
            AGENT: Yes, we're in network with {plan}. Shall I look for an appointment?
              or: We do work with {plan}. {day_start} at {time} would be free for {reason}.
            USER: Yes, but not {day}. Next one after that?
              or: {day_start} is bad for me. Anything later?
            AGENT: {day2_start} at {time2} with {doctor}?
              or: I could offer {day2} at {time2}, with {doctor}.
            USER: That works! {name}
              or: Great. I'm {name}
            (contact)
            AGENT: Thank you, {first}. {day2_start} at {time2} with {doctor} is yours. Please bring your {plan} card.
              or: Booked, {first}: {day2}, {time2}, {doctor}. Reference {code}.
        """,
        summary=(
            "{who} is insured with {plan} and was booked for {reason} on {date2} at {time2} with {doctor}.",
            "New patient, {plan}, {reason}: booked for {date2}, {time2}.",
        ),
        expected=_NEW + " Check the insurance plan.",
        actual="The plan was checked and a later appointment booked.",
        tags=("new-patient", "insurance"),
    ),
    Scenario(
        topic="New patient appointment",
        share=4,
        newcomer=True,
        lead=True,
        unavailable=True,
        service="chair",
        ahead=(9, 20),
        slots={"wish": ("only evenings after six", "only Sundays", "only early mornings")},
        script="""
            USER: I'd like an appointment for a cleaning. But {wish} work for me.
              or: Hi, I'm a new patient. {wish_start}, is that possible?
            AGENT: I'm sorry, we have nothing like that. The first opening is {day} at {time}.
              or: That isn't possible, I'm afraid. The earliest for new patients is {day} at {time}.
            USER: No, that doesn't help me.
              or: I can't do that, sorry.
            AGENT: I can put you on the list for short-notice openings. What is your name?
              or: May I put you on our waiting list? I only need your name.
            USER: Okay. {name}.
              or: Sure, {name}.
            (callback)
            AGENT: You're on the list, {first}. We'll text you as soon as something opens up.
              or: Thank you, {first}. We'll be in touch when a slot comes free.
        """,
        summary=(
            "{who} can come {wish}; nothing was free, now on the waiting list.",
            "No suitable appointment ({wish}). First opening {date} declined.",
        ),
        expected=_NEW,
        actual="No opening suited; the patient is on the waiting list.",
        tags=("new-patient", "waiting-list"),
    ),
    Scenario(
        topic="New patient appointment",
        share=4,
        newcomer=True,
        lead=True,
        refused=True,
        verdict="NO",
        channels=("VOICE", "CHAT"),
        slots={"treatment price": (("an implant", "$3,900"), ("a crown", "$1,450"), ("a root canal", "$1,250"))},
        script="""
            USER: What would {treatment} cost at your practice?
              or: Hi, I need {treatment}. What do you charge?
            AGENT: Without insurance it starts at {price}, after an examination. Shall I book the examination?
              or: It depends on the findings, typically from {price}. May I book an examination for you?
            USER: {price}? My old dentist took half of that.
              or: Wow. No, that's too much.
            AGENT: We offer monthly payments without interest. Would you like to hear about it?
              or: I understand. We do have payment plans over twelve months.
            USER: No, thank you. Goodbye.
              or: No. I'll ask somewhere else.
            (hangs_up)
        """,
        summary=(
            "Asked for the price of {treatment} ({price}), found it too expensive and ended the conversation.",
            "Lost on price: {treatment}, from {price}; a payment plan was declined.",
        ),
        expected="Name the price range, offer a payment plan and book an examination.",
        actual="The user found the price too high and declined.",
        tags=("price",),
    ),
    Scenario(
        topic="New patient appointment",
        share=3,
        lead=True,
        anonymous=True,
        newcomer=True,
        channels=("VOICE", "CHAT"),
        service="chair",
        ahead=(1, 10),
        script="""
            USER: Do you have anything free {day}?
              or: Hi, how soon could I see a dentist as a new patient?
            AGENT: {day_start} at {time} is free. Shall I book it for you?
              or: The next opening is {day} at {time}. May I have your name?
            USER: I need to check with work first.
              or: I'm just comparing for now.
            AGENT: Of course. If you leave a number, I can hold it until this evening.
              or: No problem. Shall I hold it for you? I'd need a name and a number.
            USER: No, I'll call again.
              or: I'd rather not. Thank you.
            AGENT: All right. We're looking forward to hearing from you.
              or: Then take care, and call any time.
        """,
        summary=("Asked for the next opening ({date}, {time}) but left neither a name nor a number.",),
        expected=_NEW,
        actual="An appointment was offered; the user left no contact.",
        tags=("undecided",),
    ),
    Scenario(
        topic="New patient appointment",
        share=4,
        newcomer=True,
        lead=True,
        verdict="YES_B",
        todo=0.9,
        slots={"reason": ("a cleaning", "a loose filling", "wisdom teeth", "a check-up")},
        script="""
            USER: Hello, I'd like to come in for {reason}. First time.
              or: Hi, can a new patient get an appointment for {reason}?
            AGENT: Gladly. One moment while I open the calendar.
              or: Let me see what we have.
            SYSTEM: carechart returned an error: calendar locked.
            AGENT: The calendar is locked at the moment. I'll have {staff} call you with a time. Your name, please?
              or: I can't write to the calendar just now. {staff} from reception will offer you a time. Who are you?
            USER: {name}.
              or: Okay... {name}.
            (callback)
            AGENT: Thank you, {first}. {staff} will be in touch today.
              or: Noted, {first}. You'll hear from {staff} as soon as the calendar is back.
        """,
        summary=(
            "{who} needs an appointment for {reason}. The calendar was locked; {staff} is to call back.",
            "Calendar error. New patient for {reason} waits for a call by {staff}.",
        ),
        expected=_NEW,
        actual="The calendar could not be written; a call back was promised.",
        tags=("new-patient", "callback"),
    ),
    Scenario(
        topic="Check-up",
        share=9,
        regular=True,
        lead=True,
        service="chair",
        ahead=(4, 26),
        books="asked",
        slots={
            "doctor": _DOCTORS,
            "since": ("six months", "a year", "over a year"),
            "reason": ("a check-up and cleaning",),
        },
        script="""
            USER: Hi, it's {name}. I'm due for my check-up.
              or: Hello, this is {name}, I got a reminder for my cleaning.
              or: {name} here. It's been {since}, I guess I should come in.
            AGENT: Welcome back, {first}. {doctor} has time {day} at {time}.
              or: Good to hear from you, {first}. Would {day} at {time} with {doctor} suit you?
            USER: Let me see... yes.
              or: {day_start} at {time}? That's fine.
              or: Yes, perfect.
            USER/maybe: Has the co-pay changed?
            AGENT/maybe: It's the same as last time. Most plans cover a check-up and cleaning twice a year.
            AGENT: You're down for {day} at {time} with {doctor}, {first}. We'll send a reminder the day before.
              or: Done, {first}: {day}, {time}, {doctor}.
            (goodbye)
        """,
        summary=(
            "{who} booked the regular check-up with {doctor}: {date}, {time}.",
            "Recall: check-up and cleaning on {date} at {time} with {doctor}.",
        ),
        expected="Find the patient and book the check-up.",
        actual="The check-up was booked.",
        tags=("recall",),
    ),
    Scenario(
        topic="Check-up",
        share=4,
        lead=True,
        service="chair",
        ahead=(2, 16),
        books="asked",
        slots={
            "child age": (("Milo", 6), ("Anouk", 8), ("Rafi", 4), ("Junie", 11)),
            "doctor": _DOCTORS,
            "reason": ("a check-up",),
        },
        script="""
            USER: I'd like an appointment for my kid. {child} is {age} and a bit nervous.
              or: Hi, do you see children? It's for {child}, {age} years old.
            AGENT: We love to. {doctor} is wonderful with children. How about {day} at {time}?
              or: Of course! For a first visit we take extra time. {day_start} at {time} with {doctor}?
            USER: After school would be better, but okay.
              or: That works, thank you.
            AGENT: And what's your name, as the parent?
              or: Thank you. Who will be coming along with {child}?
            USER: {name}.
              or: I will. {name}.
            (contact)
            AGENT: Then we'll see {child} and you {day} at {time}. {child} may bring a favourite toy.
              or: Booked for {child}: {day}, {time}, with {doctor}. No need to worry, it'll be a gentle visit.
            (goodbye)
        """,
        summary=(
            "{who} booked a first check-up for {child} ({age}) with {doctor} on {date} at {time}.",
            "Child's appointment: {child}, {age}, {date}, {time}.",
        ),
        expected="Book a child's appointment with extra time.",
        actual="The child's appointment was booked.",
        tags=("children",),
    ),
    Scenario(
        topic="Reschedule",
        share=8,
        returning=True,
        service="chair",
        ahead=(1, 16),
        books="moved",
        slots={"doctor": _DOCTORS, "reason": ("a cleaning", "a check-up", "a filling")},
        script="""
            USER: Hi, {name}. I have an appointment {day} at {time} that I need to move.
              or: This is {name}. Something came up, I can't come {day}. Could we find another day?
            AGENT: I see it, {first}: {reason} with {doctor}. Would {day2} at {time2} work?
              or: Of course, {first}. {doctor} could see you {day2} at {time2} instead.
            USER: Yes, that's better.
              or: {day2_start}... yes, fine.
            AGENT: It's moved to {day2}, {time2}. The old appointment is released.
              or: Done, {first}. {day2_start} at {time2} with {doctor}.
            (goodbye)
        """,
        summary=(
            "{who} moved {reason} with {doctor} from {date} to {date2} at {time2}.",
            "Rescheduled to {date2}, {time2}; {date} is free again.",
        ),
        expected="Find the appointment, offer another one and move it.",
        actual="The appointment was moved.",
    ),
    Scenario(
        topic="Cancellation",
        share=3,
        returning=True,
        service="chair",
        ahead=(1, 16),
        books="cancelled",
        slots={"doctor": _DOCTORS, "reason": ("a cleaning", "a check-up", "a filling")},
        script="""
            USER: I have to cancel my appointment {day} at {time}. {name}.
              or: Hello, {name}. Please cancel my visit {day}, I'm not well.
            AGENT: I'm sorry to hear that, {first}. Shall I find you a later date?
              or: Thank you for telling us. Would you like a new one right away?
            USER: Not now, I'll call when I know more.
              or: No, just cancel it.
            AGENT: It's cancelled, {first}. There's no fee, as it is early enough.
              or: Your appointment with {doctor} is cancelled. Get in touch whenever you're ready.
        """,
        summary=("{who} cancelled {reason} with {doctor} on {date}.", "Cancelled: {date}, {time}, {doctor}."),
        expected="Offer another appointment, else cancel and confirm.",
        actual="Another date was offered, then the appointment was cancelled.",
        todo=0.2,
    ),
    Scenario(
        topic="Confirmation",
        share=5,
        returning=True,
        service="chair",
        ahead=(1, 2),
        books="asked",
        channels=("SMS",),
        slots={"doctor": _DOCTORS, "reason": ("a cleaning", "a check-up")},
        script="""
            SYSTEM: Reminder sent: "Your appointment at Harbor Lane Dental is {day} at {time}. Reply YES to confirm."
            USER: YES
              or: yes, see you then
              or: Yes I'll be there
              or: Y
            AGENT: Thank you, {first}. See you {day} at {time}.
              or: Confirmed, {first}. {doctor} is expecting you {day} at {time}.
            SYSTEM: Marked as confirmed in carechart.
        """,
        summary=("{who} confirmed the appointment on {date} at {time}.",),
        expected="Note the confirmation.",
        actual="The appointment was confirmed.",
        tags=("reminder",),
    ),
)
