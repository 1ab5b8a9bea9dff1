"""Calls that every business gets."""

from session_graph.demo.scenario import Scenario

SCENARIOS = (
    Scenario(
        topic="Sales call",
        share=3,
        channels=("VOICE", "CHAT"),
        anonymous=True,
        newcomer=True,
        hours=(8, 18),
        slots={
            "seller goods": (
                ("Corvane Merchant Services", "card terminals"),
                ("Brightmile Media", "local search advertising"),
                ("Pellworth Energy", "a cheaper electricity contract"),
                ("Northfold Linens", "linen and laundry service"),
            ),
        },
        script="""
            USER: Hi, I'm with {seller}. Could I speak with whoever decides about {goods}?
              or: Hello, is the owner in? It's {seller}, about {goods}.
              or: Good {daypart}, this is {seller}. We help businesses like yours with {goods}.
            AGENT: The team doesn't take sales calls on this line. You can write to us, the address is on our website.
              or: Thank you, but offers are only looked at in writing. You'll find the address on our website.
            USER: It would only take two minutes, really.
              or: Can't you put me through just this once?
              or: When would be a better time?
            AGENT: I'm sorry, I can't put offers through. I've noted that {seller} was in touch. Goodbye.
              or: I understand, but I can't. I'll leave a note that you asked. Have a good {daypart}.
            SYSTEM/voice: The caller hung up.
        """,
        summary=(
            "A salesperson from {seller} tried to reach the owner about {goods} and was asked to write instead.",
            "Unsolicited offer of {goods} by {seller}. Not put through.",
        ),
        expected="Decline politely, do not transfer, do not give out names.",
        actual="The offer was declined and not put through.",
        tags=("sales",),
    ),
    Scenario(
        topic="Wrong number",
        share=2,
        newcomer=True,
        channels=("VOICE", "SMS"),
        slots={
            "looked_for": ("Bayview Auto Glass", "the pharmacy", "Mr. Feldman", "the tax office", "Lotus Nails"),
        },
        script="""
            USER: Hi, is this {looked_for}?
              or: Hello, I'm trying to reach {looked_for}.
              or: {looked_for}? I have a question about my bill.
            AGENT: I'm afraid you have the wrong number. This is {business}.
              or: No, this is {business}. It looks like a digit went wrong.
            USER: Oh, sorry about that!
              or: My mistake, sorry. Bye.
              or: Ah, never mind then.
            AGENT: No problem at all. Have a good {daypart}!
              or: It happens. Goodbye!
        """,
        summary=("Wrong number: they were looking for {looked_for}.", "Misdialled, meant to reach {looked_for}."),
        expected="Tell the user whom they have reached and end the conversation kindly.",
        actual="The user was told and said goodbye.",
    ),
    Scenario(
        topic="Silent call",
        share=2,
        newcomer=True,
        channels=("VOICE",),
        verdict=None,
        slots={"noise": ("Background traffic.", "No speech detected.", "Music and distant voices.", "Wind noise.")},
        script="""
            SYSTEM: {noise}
            AGENT: Hello? I can't hear you. Are you there?
              or: Hello? It seems the line is silent.
            SYSTEM/maybe: {noise}
            AGENT/maybe: Please call again if you'd like to. We're happy to help.
            SYSTEM: The caller hung up.
              or: The line was closed after silence.
        """,
        summary=("Nobody spoke; the call ended after a few seconds.", "Silent call, possibly dialled by accident."),
        expected="Ask twice, then end the call.",
        actual="No speech from the caller.",
        tags=("no-speech",),
    ),
    Scenario(
        topic="Asked for a person",
        share=3,
        channels=("VOICE", "CHAT"),
        verdict="NO",
        todo=0.8,
        script="""
            USER: I'd like to speak to a real person, please.
              or: Can you just put me through to a human?
              or: Sorry, I don't talk to robots. Is somebody there?
            AGENT: Of course. May I ask what it's about, so that I can pass you to the right person?
              or: Gladly. Could you tell me in a word what it concerns?
            USER: No, just put me through.
              or: It's private. I'd rather tell them myself.
              or: It's complicated, just get me {staff}.
            AGENT: One moment, I'm transferring you to {staff}.
              or: Sure, I'll try {staff} for you now.
            SYSTEM: Transfer to {staff} was not answered.
            AGENT: I'm sorry, nobody can take the call right now. Would you like to leave a message?
              or: {staff} isn't answering at the moment. Can I take a message?
            USER: Forget it. I'll try somewhere else.
              or: This is ridiculous. Goodbye.
              or: No. I've left two already.
            (hangs_up)
        """,
        summary=(
            "{who} asked for a person, the transfer to {staff} was not answered, and no message was left.",
            "Wanted to speak with {staff}; the transfer failed and they gave up.",
        ),
        expected="Transfer to a person, or take a message if nobody answers.",
        actual="The transfer was not answered and no message was taken.",
        tags=("transfer-failed",),
    ),
)
