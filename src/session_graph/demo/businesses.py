"""The three businesses: a bistro in New York, a dentist in San Francisco, a hotel in London."""

from copy import deepcopy

from session_graph.demo.scenario import Business
from session_graph.demo.scenarios import load_scenarios

_TABLES = ("07:30", "08:30", "09:30", "11:30", "12:00", "12:30", "13:00", "13:30")
_DINNER = ("17:30", "18:00", "18:30", "19:00", "19:30", "20:00", "20:30", "21:00")
_LATE = (*_DINNER, "21:30", "22:00", "22:30", "23:00")
_BRUNCH = ("09:30", "10:00", "10:30", "11:00", "11:30", "12:00", "12:30", "13:00")

BISTRO = Business(
    agent={
        "idn": "sunrise-bistro",
        "name": "Sunrise Bistro Host",
        "industry": "restaurant",
        "timeZone": "America/New_York",
        "workingHours": {
            "MON": [["07:30", "15:00"]],
            "TUE": [["07:30", "15:00"], ["17:00", "22:30"]],
            "WED": [["07:30", "15:00"], ["17:00", "22:30"]],
            "THU": [["07:30", "15:00"], ["17:00", "22:30"]],
            "FRI": [["07:30", "15:00"], ["17:00", "01:00"]],
            "SAT": [["08:30", "15:00"], ["17:00", "01:00"]],
            "SUN": [["08:30", "15:30"]],
        },
        "redirection": "AGENT_FIRST",
        "conversionRatio": "0.9",
        "recognition": "0.3",
        "unitName": "guests",
        "unitValue": "65.00",
        "testContacts": ["+12125550100", "host-test@example.com"],
    },
    name="Sunrise Bistro",
    sessions=272,
    hourly=(0.8, 0.4, 0.1, 0.1, 0.1, 0.1, 0.5, 2, 3, 4, 6, 7, 6, 4, 4, 6, 8, 9, 8, 6, 5, 4, 2.5, 1.5),
    daily=(0.7, 0.8, 0.9, 1.1, 1.5, 1.4, 1.0),
    channels={"VOICE": 0.62, "SMS": 0.16, "CHAT": 0.22},
    greetings={
        "VOICE": (
            "Good {daypart}, Sunrise Bistro, this is Dawn, the virtual host. How can I help?",
            "Thanks for calling Sunrise Bistro! I'm Dawn, the AI host. What can I do for you?",
            "Sunrise Bistro, good {daypart}. You're speaking with Dawn, our virtual host.",
        ),
        "CHAT": (
            "Hi, I'm Dawn, the host at Sunrise Bistro. Tables, takeaway, parties: just ask.",
            "Welcome to Sunrise Bistro! I'm Dawn, a virtual host. How can I help you today?",
        ),
        "SMS": ("Dawn here, the virtual host at Sunrise Bistro. ", "Sunrise Bistro here, this is Dawn. ", ""),
    },
    staff=("Teresa", "Marcel", "Bea"),
    services={
        "table": {
            0: _TABLES,
            **dict.fromkeys((1, 2, 3), _TABLES[3:] + _DINNER),
            4: _TABLES[3:] + _LATE,
            5: _BRUNCH + _LATE,
            6: _BRUNCH,
        },
        "dinner": {**dict.fromkeys((1, 2, 3), _DINNER), **dict.fromkeys((4, 5), _LATE)},
        "party": {
            **dict.fromkeys((1, 2, 3, 4), ("18:00", "18:30", "19:00")),
            **dict.fromkeys((5, 6), ("12:00", "13:00")),
        },
    },
    scenarios=load_scenarios("bistro_tables", "bistro_changes", "bistro_parties", "bistro_guests", "anyone"),
    phone_stems=("+121255501", "+164655501", "+191755501", "+171855501"),
    integration="tablebook",
    connectors=("tablebook/main-street", "tablebook/main-street", "tablebook/events"),
    external_id="TB-{number}",
    reference="SB",
    testers=(("Alex", "+12125550100", "host-test@example.com"), ("Sam", "+12125550100", "host-test@example.com")),
    campaigns=(
        {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "brunch-nyc", "utm_term": "brunch near me"},
        {"utm_source": "instagram", "utm_medium": "social", "utm_campaign": "autumn-menu"},
        {"utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "private-dining"},
        {"utm_source": "google", "utm_medium": "organic"},
    ),
)

_CHAIR = ("08:00", "08:40", "09:20", "10:00", "10:40", "11:20", "13:00", "13:40", "14:20", "15:00", "15:40", "16:20")

CLINIC = Business(
    agent={
        "idn": "harbor-lane-dental",
        "name": "Harbor Lane Dental Reception",
        "industry": "dental",
        "timeZone": "America/Los_Angeles",
        "workingHours": {
            **{day: [["08:00", "12:00"], ["13:00", "17:30"]] for day in ("MON", "TUE", "WED", "THU")},
            "FRI": [["08:00", "15:00"]],
            "SAT": [["09:00", "13:00"]],
            "SUN": [],
        },
        "redirection": "OVERFLOW",
        "conversionRatio": "0.85",
        "averageLeadValue": "240.00",
        "testContacts": ["+14155550100", "reception-test@example.com"],
    },
    name="Harbor Lane Dental",
    sessions=176,
    hourly=(0.3, 0.2, 0.1, 0.1, 0.1, 0.3, 1, 4, 8, 9, 8, 6, 7, 6, 6, 5, 5, 4, 3, 2.5, 2, 1.5, 1, 0.5),
    daily=(1.6, 1.3, 1.2, 1.1, 0.9, 0.5, 0.3),
    channels={"VOICE": 0.68, "SMS": 0.12, "CHAT": 0.20},
    greetings={
        "VOICE": (
            "Harbor Lane Dental, this is Robin, the virtual receptionist. How may I help you?",
            "Good {daypart}, you've reached Harbor Lane Dental. I'm Robin, an AI receptionist. What can I do for you?",
            "Thank you for calling Harbor Lane Dental. Robin, the virtual assistant, speaking.",
        ),
        "CHAT": (
            "Hello! I'm Robin, the virtual receptionist at Harbor Lane Dental. What can I do for you?",
            "Hi there, Robin from Harbor Lane Dental. Appointments, insurance, anything else: just ask.",
        ),
        "SMS": ("Robin at Harbor Lane Dental here. ", "Harbor Lane Dental, Robin speaking. ", ""),
    },
    staff=("Carmen", "Louis", "Dana"),
    services={
        "chair": {**dict.fromkeys(range(4), _CHAIR), 4: _CHAIR[:9], 5: ("09:20", "10:00", "10:40", "11:20")},
    },
    scenarios=load_scenarios("clinic_appointments", "clinic_patients", "anyone"),
    phone_stems=("+141555501", "+162855501", "+151055501"),
    integration="carechart",
    connectors=("carechart/front-desk", "carechart/front-desk", "carechart/recalls"),
    external_id="CC-P{number}",
    reference="HL",
    testers=(("Kim", "+14155550100", "reception-test@example.com"),),
    campaigns=(
        {
            "utm_source": "google",
            "utm_medium": "cpc",
            "utm_campaign": "new-patients",
            "utm_term": "dentist open saturday",
        },
        {"utm_source": "facebook", "utm_medium": "social", "utm_campaign": "whitening-offer"},
        {"utm_source": "insurer-directory", "utm_medium": "referral"},
    ),
)

_ARRIVAL = ("15:00", "16:00", "17:00", "18:00", "19:30", "21:00")

HOTEL = Business(
    agent={
        "idn": "lantern-quay-hotel",
        "name": "Lantern Quay Front Desk",
        "industry": "hotel",
        "timeZone": "Europe/London",
        "redirection": "AGENT_FIRST",
        "conversionRatio": "0.8",
        "recognition": "0.25",
        "averageLeadValue": "90.00",
        "unitName": "nights",
        "unitValue": "165.00",
        "testContacts": ["+442079460000", "desk-test@example.com"],
        "shortUnderSeconds": 45,
    },
    name="Lantern Quay Hotel",
    sessions=160,
    hourly=(1.5, 1, 0.7, 0.6, 0.6, 0.8, 2, 4, 6, 7, 7, 6, 5, 5, 6, 6, 6, 6, 5, 5, 4, 4, 3, 2),
    daily=(1.0, 1.0, 1.0, 1.1, 1.2, 1.1, 1.0),
    channels={"VOICE": 0.45, "SMS": 0.20, "CHAT": 0.35},
    greetings={
        "VOICE": (
            "Good {daypart}, Lantern Quay Hotel, this is Wren, the virtual front desk. How may I help?",
            "Lantern Quay Hotel, Wren speaking. I'm the hotel's AI assistant. What can I do for you?",
        ),
        "CHAT": (
            "Good {daypart} and welcome to the Lantern Quay. I'm Wren, the virtual front desk.",
            "Hello, this is Wren at the Lantern Quay Hotel. How may I help with your stay?",
        ),
        "SMS": ("Wren here, the Lantern Quay's virtual front desk. ", "Lantern Quay Hotel, this is Wren. ", ""),
    },
    staff=("Imogen", "Rafiq", "Harriet"),
    services={"arrival": dict.fromkeys(range(7), _ARRIVAL), "treatment": dict.fromkeys(range(7), _CHAIR[3:])},
    scenarios=load_scenarios("hotel_rooms", "hotel_guests", "anyone"),
    phone_stems=("+442079460", "+447700900"),
    integration="staywell",
    connectors=("staywell/reservations", "staywell/reservations", "staywell/concierge"),
    external_id="SW/{number}",
    reference="LQ",
    testers=(("Jo", "+442079460000", "desk-test@example.com"),),
    campaigns=(
        {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "riverside-weekends", "utm_content": "spa"},
        {"utm_source": "trip-compare", "utm_medium": "referral", "utm_campaign": "direct-rate"},
        {"utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "winter-stays"},
    ),
)

BUSINESSES = (BISTRO, CLINIC, HOTEL)

AGENTS = deepcopy([business.agent for business in BUSINESSES])
"""The agents, each an input of `createAgent`; the hotel has no working hours set and is always open."""
