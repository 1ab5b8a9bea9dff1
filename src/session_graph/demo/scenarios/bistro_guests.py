"""Sunrise Bistro: takeaway, gift cards, questions and complaints."""

from session_graph.demo.scenario import Scenario

SCENARIOS = (
    Scenario(
        topic="Takeaway",
        share=8,
        lead=True,
        while_open=True,
        slots={
            "first_dish second_dish total": (
                ("two shakshukas", "a side of sourdough", 46),
                ("the short rib", "a beet salad", 52),
                ("three buttermilk pancakes", "two fresh orange juices", 61),
                ("two ricotta gnocchi", "a Caesar salad", 64),
                ("a roast chicken for four", "the potato gratin", 78),
                ("one lentil burger", "sweet potato fries", 29),
            ),
            "minutes": (20, 25, 30, 35, 40),
        },
        lead_value="{total}.00",
        script="""
            USER: Hi, I'd like to order for pickup, please.
              or: Hello, can I get something to go?
              or: Hey! Takeaway order please.
            AGENT: Sure! What would you like?
              or: Gladly. What can we make for you?
            USER: {first_dish_start}, and {second_dish}.
              or: I'll have {first_dish} and {second_dish}.
            AGENT: {first_dish_start} and {second_dish}. Anything to drink with that?
              or: Good choice. Would you like a dessert with it? The lemon tart is fresh.
            USER: No, that's it.
              or: Not today, thanks.
            AGENT: That's ${total}, to be paid at the counter, ready in {minutes} minutes. What name?
              or: It will be ready in {minutes} minutes and comes to ${total}. Your name, please?
            USER: {name}.
              or: {first}. {name}, if you need all of it.
            (contact)
            AGENT: Thank you, {first}. See you in {minutes} minutes at the side counter.
              or: The kitchen is on it. Your order number is {code}.
            (goodbye)
        """,
        summary=(
            "{who} ordered {first_dish} and {second_dish} to take away, ${total}, ready in {minutes} minutes.",
            "Pickup order for ${total}: {first_dish}, {second_dish}.",
        ),
        expected="Take the order, name price and time, take name and contact.",
        actual="The order was taken and passed to the kitchen.",
        tags=("takeaway",),
    ),
    Scenario(
        topic="Takeaway",
        share=3,
        lead=True,
        unavailable=True,
        hours=(10, 22),
        slots={"place": ("Red Hook", "Astoria", "Hoboken", "Riverdale"), "dish": ("pancakes", "gnocchi", "short rib")},
        script="""
            USER: Do you deliver to {place}?
              or: Hi, can you deliver the {dish} to {place}?
            AGENT: We deliver within two miles, so I'm afraid {place} is too far. You could pick it up here, though.
              or: I'm sorry, {place} is outside of our delivery area. Pickup would be possible any time.
            USER: No, we can't come over.
              or: Too bad, it's too far for pickup.
            AGENT: I'm sorry. If you like, I'll note that you asked: we are thinking of delivering farther. Your name?
              or: A pity. May I note your name? We'd let you know when we deliver there.
            USER: Sure, {name}.
              or: {name}. That would be nice.
            (callback)
            AGENT: Thank you, {first}. I hope we can bring you {dish} soon.
              or: Noted, {first}. Have a good {daypart}!
        """,
        summary=("{who} wanted {dish} delivered to {place}, which is outside of the delivery area.",),
        expected="Take the order, or explain the delivery area and offer pickup.",
        actual="The address is outside of the delivery area; pickup was declined.",
        tags=("takeaway", "delivery-area"),
    ),
    Scenario(
        topic="Gift card",
        share=3,
        lead=True,
        slots={"amount": (50, 75, 100, 150), "receiver": ("my sister", "a colleague", "our neighbours", "my parents")},
        lead_value="{amount}.00",
        script="""
            USER: Do you sell gift cards? I'd like one for {receiver}.
              or: Hi, I'm looking for a gift card for {receiver}.
            AGENT: We do, as a card or by e-mail. What amount did you have in mind?
              or: Of course. What amount would you like?
            USER: ${amount}, by e-mail please.
              or: Let's do ${amount}. E-mail is fine.
            AGENT: Lovely. What is your name, and where may I send the payment link?
              or: With pleasure. Your name and e-mail address, please?
            USER: {name}, {email}
              or: I'm {name}, the address is {email}
            AGENT: The link for ${amount} is on its way, {first}. The card follows as soon as it's paid.
              or: Sent! As soon as it's paid, the ${amount} card arrives in the same mailbox.
            (goodbye)
        """,
        summary=(
            "{who} ordered a gift card over ${amount}; the payment link was sent by e-mail.",
            "Gift card over ${amount}, payment link sent.",
        ),
        expected="Take amount and e-mail address and send the payment link.",
        actual="The payment link was sent.",
        tags=("gift-card",),
    ),
    Scenario(
        topic="Opening hours",
        share=10,
        service="table",
        script="""
            USER: What time are you open {weekday}?
              or: Hi, are you open {weekday}?
              or: Hello! Until when can we come {weekday}?
              or: Could you tell me your hours for {weekday}?
            AGENT: {weekday_start} we're open {hours}.
              or: We're open {hours} {weekday}.
            USER/maybe: And the kitchen, until when?
              or: Do you serve food all that time?
            AGENT/maybe: The kitchen takes its last orders half an hour before we close.
              or: Warm food until thirty minutes before closing, desserts until the end.
            USER: Great, thanks!
              or: Perfect, that's all I needed.
              or: Thank you, bye.
            AGENT: You're welcome. Shall I book a table for you?
              or: My pleasure. We hope to see you!
        """,
        summary=(
            "Asked for the opening hours on {date}: {hours}.",
            "Question about opening hours on {date}; answered.",
        ),
        expected="Give the opening hours of the day.",
        actual="The opening hours were given.",
    ),
    Scenario(
        topic="Directions and parking",
        share=4,
        script="""
            USER: Where can we park near you?
              or: Is there parking at the restaurant?
              or: How do I get to you from the subway?
            AGENT: There's a garage on Alder Street, two hours are on us, and the subway stops one block north.
              or: The Alder Street garage is around the corner. The subway stops one block north of us.
            USER/maybe: And is it step-free? My dad uses a wheelchair.
            AGENT/maybe: Yes, there's a ramp at the side entrance, and the restrooms are on the same floor.
              or: It is. Ring at the side entrance and we'll come out to help.
            USER: Good to know, thanks.
              or: Perfect, thank you!
            AGENT: Safe travels. See you soon!
              or: You're welcome!
        """,
        summary=("Asked how to get there and where to park; the Alder Street garage was recommended.",),
        expected="Explain how to arrive and where to park.",
        actual="The garage and the subway stop were named.",
    ),
    Scenario(
        topic="Menu and allergies",
        share=5,
        slots={
            "allergy safe": (
                ("gluten", "the roast chicken, the risotto and the flourless chocolate cake"),
                ("nuts", "all of the breakfast dishes but the granola"),
                ("dairy", "the short rib, the lentil burger and the sorbets"),
                ("shellfish", "everything but the Friday chowder"),
            ),
        },
        script="""
            USER: My daughter is allergic to {allergy}. What could she eat at your place?
              or: Hi, do you have dishes without {allergy}?
              or: Question about {allergy}: is there something on the menu without?
            AGENT: Safe choices without {allergy} are {safe}. Please tell your server as well.
              or: Without {allergy} we have {safe}.
            USER: Is it cooked separately?
              or: And is there a risk of traces?
            AGENT: The kitchen uses separate boards and pans, but we can't rule out traces entirely.
              or: We work with separate pans. For a severe allergy, {staff} will gladly talk to you in person.
            USER: Okay, thank you, that helps.
              or: That's an honest answer. Thanks.
            (farewell)
        """,
        summary=(
            "Asked for dishes without {allergy}; safe dishes and the risk of traces were explained.",
            "Allergy question ({allergy}), answered from the menu.",
        ),
        expected="Name safe dishes and be honest about traces.",
        actual="Safe dishes were named and traces mentioned.",
        tags=("allergies",),
    ),
    Scenario(
        topic="Complaint",
        share=4,
        verdict="YES_B",
        todo=1.0,
        pace=2.2,
        slots={
            "problem sorry": (
                ("we waited over an hour for our food", "the long wait"),
                ("the pancakes were cold and the bill was wrong", "the cold food and the wrong bill"),
                ("we were given a table right next to the kitchen door", "the uncomfortable table"),
                ("I was charged twice for the same brunch", "the double charge"),
            ),
        },
        script="""
            USER: I was at your place last weekend and {problem}. I'm really disappointed.
              or: Hello, I want to complain. On our last visit {problem}.
            AGENT: I'm very sorry about {sorry}. That's not how it should be. May I take this to our manager, {staff}?
              or: Thank you for telling me, and I apologise for {sorry}. {staff}, our manager, will want to call you.
            USER: Yes, I'd like to hear from the manager.
              or: Please do. I'd hate to post a review about it.
            AGENT: Who may {staff} ask for?
              or: What is your name, please?
            USER: {name}.
              or: My name is {name}.
            (callback)
            AGENT: {staff} will be in touch by tomorrow, {first}. Thank you for giving us the chance to put it right.
              or: It's on {staff}'s desk, {first}. You'll hear from us within a day.
        """,
        summary=(
            "{who} complained about {sorry}. {staff} is to call back within a day.",
            "Complaint about {sorry}; a call by the manager was promised.",
        ),
        expected="Apologise, take the complaint and promise a call back by the manager.",
        actual="The complaint was taken and passed to the manager.",
        tags=("complaint", "callback"),
    ),
    Scenario(
        topic="Lost and found",
        share=2,
        verdict="YES_B",
        todo=0.9,
        slots={"thing": ("a grey scarf", "reading glasses", "a phone with a blue case", "a teddy bear")},
        script="""
            USER: I think I left {thing} at your place last night.
              or: Hi, did you find {thing}? We were in for dinner.
            AGENT: Oh no! Nothing is entered yet, but I'll have the team look. Where were you sitting?
              or: Let me note it down. Do you remember which table?
            USER: By the window, near the bar.
              or: One of the booths in the back.
              or: Out on the patio.
            AGENT: Thank you. And your name?
              or: I'll pass that on. What is your name?
            USER: {name}.
              or: {name}, thanks.
            (callback)
            AGENT: We'll look for it, {first}, and get back to you either way.
              or: {staff} opens tomorrow and will check, {first}.
        """,
        summary=("{who} is missing {thing} after dinner; the team is asked to look for it.",),
        expected="Check the lost property list, else note the item and a contact.",
        actual="Nothing was on the list; the item and a contact were noted.",
        tags=("lost-property", "callback"),
    ),
    Scenario(
        topic="Running late",
        share=4,
        channels=("VOICE", "SMS"),
        hours=(11, 22),
        while_open=True,
        slots={
            "minutes": (10, 15, 20, 25),
            "reason": ("Traffic is awful", "The train is stuck", "The sitter was late"),
        },
        script="""
            USER: Hi, we're on our way but about {minutes} minutes late. {reason}. It's {name}.
              or: {name} here, we have a table in a few minutes but need {minutes} more. {reason}.
            AGENT: No problem, {first}. We'll keep your table for {minutes} minutes.
              or: Thanks for letting us know, {first}. Take your time, the table stays yours.
            USER: Thank you!
              or: You're the best.
            AGENT: See you soon!
              or: Travel safely, we'll tell the team.
        """,
        summary=("{who} will be {minutes} minutes late; the table is kept.",),
        expected="Note the delay and keep the table.",
        actual="The delay was noted.",
    ),
    Scenario(
        topic="Job application",
        share=2,
        newcomer=True,
        channels=("VOICE", "CHAT"),
        todo=0.5,
        verdict="YES_B",
        hours=(9, 20),
        slots={"job": ("a server", "a line cook", "a barista", "a dishwasher")},
        script="""
            USER: Hi, are you hiring? I have experience as {job}.
              or: Hello, I'm looking for work as {job}.
            AGENT: We're always glad to meet good people. {staff} decides about it. What's your name?
              or: Thank you for asking! I can pass that to {staff}. Who are you?
            USER: I'm {name}.
              or: {name}.
            AGENT: Please send a few lines to our address on the website, {first}. Where can we write to you?
              or: Nice to meet you, {first}. At which e-mail address can {staff} reach you?
            USER: {email}
              or: It's {email}
            AGENT: Thanks! {staff} will write to you this week.
              or: I've passed it on. Good luck!
        """,
        summary=("{who} is looking for work as {job}. Contact passed to {staff}.",),
        expected="Take a contact and pass it to the manager.",
        actual="The contact was passed to the manager.",
        tags=("jobs",),
    ),
    Scenario(
        topic="Menu and allergies",
        share=2,
        verdict="NO",
        channels=("CHAT", "SMS"),
        slots={"dish": ("the tasting menu", "the oyster night", "bottomless brunch", "the kids' menu")},
        script="""
            USER: how much is {dish}?
              or: What does {dish} cost these days?
            AGENT: We serve breakfast, lunch and dinner. Would you like to book a table?
              or: I'd be happy to book a table for you. For how many guests?
            USER: no I asked about the price of {dish}
              or: That's not what I asked. The price, please?
            AGENT: I'm sorry, I don't have that information. Can I help with anything else?
              or: I can't find a price for that. Would you like to see our opening hours?
            USER: no. bye
              or: Useless...
        """,
        summary=(
            "Asked twice for the price of {dish} and got no answer.",
            "Price of {dish} not known to the agent; the user left dissatisfied.",
        ),
        expected="Give the price, or offer to find out.",
        actual="The price was not given and no one was asked.",
        tags=("knowledge-gap",),
    ),
)
