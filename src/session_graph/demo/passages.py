"""Passages that many scripts share, by their stage direction. `script.py` explains the format."""

PASSAGES = {
    "contact": """
        AGENT/voice: Thank you, {first}. Is the number you're calling from the best one to reach you?
        or: Got it, {first}. Shall I put down the number you're calling from?
        or: Thanks, {first}. May we text the confirmation to the number you're calling from?
        or: Perfect, {first}. And I can use this phone number for the confirmation?
        USER/voice: Yes, that's fine.
        or: Yes, please.
        or: Sure, this one works.
        or: Yep, that's the one.
        AGENT/chat: Thanks, {first}. What is the best phone number or e-mail for the confirmation?
        or: Lovely, {first}. And a phone number or an e-mail address, please?
        or: Thank you, {first}! Where can we reach you, by phone or e-mail?
        USER/chat: {contact}
        or: Sure, {contact}
        or: {contact} is best
    """,
    "callback": """
        AGENT/voice: May we call you back on the number you're calling from?
        or: Is this number good for a call back?
        USER/voice: Yes, any time before six.
        or: Yes, that's fine.
        or: That's the one, thanks.
        AGENT/chat: Where can we reach you, by phone or e-mail?
        or: What is the best number or e-mail for a reply?
        USER/chat: {contact}
        or: Best is {contact}
    """,
    "goodbye": """
        USER/maybe: Thanks a lot, bye.
        or: Great, thank you!
        or: That's all, thanks for your help.
        or: Wonderful, thank you so much.
        AGENT/maybe: You're welcome. Have a lovely {daypart}!
        or: My pleasure. Goodbye!
        or: Thank you. Take care!
    """,
    "farewell": """
        AGENT: You're welcome. Have a lovely {daypart}!
        or: My pleasure. Goodbye!
        or: Any time. Take care!
    """,
    "hangs_up": """
        SYSTEM/voice: The caller hung up.
        SYSTEM/sms: No reply within 20 minutes; the conversation was closed.
        SYSTEM/chat: The visitor left the chat.
    """,
}
