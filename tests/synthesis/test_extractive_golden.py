"""Golden sentences: what the rules must ask of each, and what they must take for the answer.

One entry is three lines: sentence, question, answer. A question may begin with a mention of the
product of the manual ("For the Kestrel 300, ...") where its own words would be too general.
"""

from __future__ import annotations

import pytest

from wellread.records import Chunk
from wellread.synthesis.extractive import extract

ENGLISH = """\
A feed roller is a rubber cylinder that pulls one sheet at a time from the tray.
What is a feed roller?
a rubber cylinder that pulls one sheet at a time from the tray

Ghosting is a faint copy of an image that appears further down the page.
What is ghosting?
a faint copy of an image that appears further down the page

Binders are resins that hold the pigment on the paper.
What are binders?
resins that hold the pigment on the paper

The Kestrel 300 is a desktop label printer for small workshops.
What is the Kestrel 300?
a desktop label printer for small workshops

Marie Curie was a physicist who studied radioactivity.
Who was Marie Curie?
a physicist who studied radioactivity

The paper tray holds 250 sheets.
How many sheets does the paper tray hold?
250 sheets

The Kestrel 300 weighs 4.2 kg.
How much does the Kestrel 300 weigh?
4.2 kg

The Kestrel 300 costs 310 euros.
How much does the Kestrel 300 cost?
310 euros

The warranty lasts 36 months.
How long does the warranty last?
36 months

The warranty of the Kestrel 300 lasts 36 months from the date of purchase.
How long does the warranty of the Kestrel 300 last from the date of purchase?
36 months

The first print takes about 9 seconds.
How long does the first print take?
about 9 seconds

The drum must be replaced every 20,000 pages.
How often must the drum be replaced?
every 20,000 pages

A claim must be reported within 30 days of delivery.
Within how many days of delivery must a claim be reported?
within 30 days

The drum of the Kestrel 300 must cool for 20 minutes.
For how long must the drum of the Kestrel 300 cool?
for 20 minutes

The maximum humidity of the Kestrel 300 is 80 percent.
What is the maximum humidity of the Kestrel 300?
80 percent

The base of the Kestrel 300 is 24 cm wide.
How wide is the base of the Kestrel 300?
24 cm wide

The Kestrel 300 has a resolution of 600 dpi.
What resolution does the Kestrel 300 have?
600 dpi

The firm employs 74 people in Lancaster.
How many people does the firm employ in Lancaster?
74 people

Three technicians check every drum before delivery.
How many technicians check every drum before delivery?
three

There are eight rollers in the feeder.
How many rollers are there in the feeder?
eight rollers

Otto Lindqvist invented the wet roller in 1911.
When did Otto Lindqvist invent the wet roller?
in 1911

The wet roller was invented by Otto Lindqvist in 1911.
When was the wet roller invented by Otto Lindqvist?
in 1911

In 1911, Otto Lindqvist patented the wet roller.
When did Otto Lindqvist patent the wet roller?
in 1911

On 3 March 2021 the company released the Kestrel 300.
When did the company release the Kestrel 300?
on 3 March 2021

Brindle Print Ltd was founded in 1998.
When was Brindle Print Ltd founded?
in 1998

The Kestrel 300 was released on 3 March 2021 by the Bremen office.
When was the Kestrel 300 released by the Bremen office?
on 3 March 2021

Otto Lindqvist died on 7 January 1943.
When did Otto Lindqvist die?
on 7 January 1943

The museum of printing is located in Mainz.
Where is the museum of printing located?
in Mainz

The spare fuse is stored behind the rear cover.
Where is the spare fuse stored?
behind the rear cover

The Kestrel 300 is used to print shipping labels.
What is the Kestrel 300 used for?
to print shipping labels

The lint brush is used for the daily cleaning of rollers.
What is the lint brush used for?
the daily cleaning of rollers

The casing of the Kestrel 300 is made of recycled steel.
What is the casing of the Kestrel 300 made of?
recycled steel

The process is known as wet transfer printing.
What is the process known as?
wet transfer printing

The wet transfer process is based on the repulsion of oil and water.
What is the wet transfer process based on?
the repulsion of oil and water

The heating element of the Kestrel 300 is protected by a ceramic plate.
What is the heating element of the Kestrel 300 protected by?
a ceramic plate

The service team is responsible for all repairs under warranty.
What is the service team responsible for?
all repairs under warranty

The starter kit consists of a drum, a brush and a power cable.
What does the starter kit consist of?
a drum, a brush and a power cable

Wet transfer printing requires a humidity of more than forty percent.
What does wet transfer printing require?
a humidity of more than forty percent

The four stages of printing are charging, exposure, transfer and fixing.
What are the four stages of printing?
charging, exposure, transfer and fixing

The Kestrel 300 was the first label printer with a glass drum.
What was the first label printer with a glass drum?
the Kestrel 300

Lithium is the lightest of all known metals.
What is the lightest of all known metals?
Lithium

If the red lamp blinks, replace the drum.
What should you do if the red lamp blinks?
replace the drum

If the drum is empty, the Kestrel 300 stops.
What happens if the drum is empty?
the Kestrel 300 stops

When the cover is open, the fan stops.
What happens when the cover is open?
the fan stops

Before cleaning the rollers, unplug the power cable.
What should you do before cleaning the rollers?
unplug the power cable

To reset the page counter, hold the start button for five seconds.
How do you reset the page counter?
hold the start button for five seconds

Clean the rollers every two weeks.
How often should you clean the rollers?
every two weeks

Hold the start button for 10 seconds.
For how long should you hold the start button?
for 10 seconds

Do not immerse the drum in water.
Are you allowed to immerse the drum in water?
no

Never open the rear cover during printing.
Are you allowed to open the rear cover during printing?
no

Before opening the cover, users must wait for five minutes.
What must users do before opening the cover?
wait for five minutes

The drum must be stored in the dark because light destroys its coating.
Why must the drum be stored in the dark?
because light destroys its coating

The quality officer approves every batch of pigment before the start of production.
Who approves every batch of pigment before the start of production?
the quality officer

A customer who returns a drum within 30 days is called an early returner.
What is a customer who returns a drum within 30 days called?
an early returner

The firm uses electronic data interchange (EDI) for all orders.
What does the abbreviation EDI stand for?
electronic data interchange

Duplex means that both sides of a sheet are printed.
What does the term “Duplex” mean?
both sides of a sheet are printed

The humidity sensor depends on a thin film of polymer.
What does the humidity sensor depend on?
a thin film of polymer

Technicians of the service team must record the serial number of every drum.
What must technicians of the service team record?
the serial number of every drum

The mayor of Lancaster opened the new print hall in June 2015.
When did the mayor of Lancaster open the new print hall?
in June 2015

The Kestrel 300 connects to a network. Its usable memory is 512 MB.
What is the usable memory of the Kestrel 300?
512 MB

The Kestrel 300 has a glass drum. It weighs 4.2 kg.
How much does the Kestrel 300 weigh?
4.2 kg

Common faults of the feeder include misfeeds, double feeds and jams.
What do common faults of the feeder include?
misfeeds, double feeds and jams

The air filter of the Kestrel 300 lasts two years.
How long does the air filter of the Kestrel 300 last?
two years

The Daniell cell was named after John Frederic Daniell.
What was the Daniell cell named after?
John Frederic Daniell
"""

GERMAN = """\
Eine Walze ist ein Zylinder, der das Papier transportiert.
Was ist eine Walze?
ein Zylinder, der das Papier transportiert

Blähglas ist ein leichtes Granulat, das Hitze aufnimmt.
Was ist Blähglas?
ein leichtes Granulat, das Hitze aufnimmt

Marie Curie war eine Physikerin, die die Radioaktivität erforschte.
Wer war Marie Curie?
eine Physikerin, die die Radioaktivität erforschte

Der Papierschacht fasst 250 Blatt.
Wie viele Blatt fasst der Papierschacht?
250 Blatt

Der Kestrel 300 wiegt 4,2 kg.
Wie viel wiegt der Kestrel 300?
4,2 kg

Die Montage des Kestrel 300 kostet 90 Euro.
Wie viel kostet die Montage des Kestrel 300?
90 Euro

Die Garantie des Kestrel 300 gilt 36 Monate.
Wie lange gilt die Garantie des Kestrel 300?
36 Monate

Die Reparatur des Kestrel 300 dauert etwa 40 Minuten.
Wie lange dauert die Reparatur des Kestrel 300?
etwa 40 Minuten

Die Betriebsspannung des Kestrel 300 beträgt 230 Volt.
Wie hoch ist die Betriebsspannung des Kestrel 300?
230 Volt

Der Mindestabstand zur Wand beträgt 15 Zentimeter.
Wie groß ist der Mindestabstand zur Wand?
15 Zentimeter

Das Unternehmen Brindle Print beschäftigt 74 Personen.
Wie viele Personen beschäftigt das Unternehmen Brindle Print?
74 Personen

Otto Lindqvist erfand die Nasswalze im Jahr 1911.
Wann erfand Otto Lindqvist die Nasswalze?
im Jahr 1911

Im Jahr 1911 gründete Otto Lindqvist die Firma Brindle Print.
Wann gründete Otto Lindqvist die Firma Brindle Print?
im Jahr 1911

Die Firma Brindle Print wurde am 3. März 1998 in Bremen gegründet.
Wann wurde die Firma Brindle Print in Bremen gegründet?
am 3. März 1998

Die Nasswalze wurde von Otto Lindqvist erfunden.
Von wem wurde die Nasswalze erfunden?
Otto Lindqvist

Otto Lindqvist starb am 7. Januar 1943.
Wann starb Otto Lindqvist?
am 7. Januar 1943

Das Druckmuseum befindet sich in Mainz.
Wo befindet sich das Druckmuseum?
in Mainz

Das Gehäuse des Kestrel 300 besteht aus Stahl und Glas.
Woraus besteht das Gehäuse des Kestrel 300?
Stahl und Glas

Die Lüfterklappe dient zum Kühlen der Walze.
Wozu dient die Lüfterklappe?
zum Kühlen der Walze

Das Druckverfahren beruht auf der Abstoßung von Öl und Wasser.
Worauf beruht das Druckverfahren?
der Abstoßung von Öl und Wasser

Der Bremsmagnet wird zum Anhalten der Walze verwendet.
Wofür wird der Bremsmagnet verwendet?
zum Anhalten der Walze

Das Newton wurde nach Isaac Newton benannt.
Nach wem oder was wurde das Newton benannt?
Isaac Newton

Die Trommel des Kestrel 300 muss alle 6 Monate geprüft werden.
Wie oft muss die Trommel des Kestrel 300 geprüft werden?
alle 6 Monate

Beschädigte Geräte müssen innerhalb von 30 Tagen gemeldet werden.
Innerhalb welcher Frist müssen beschädigte Geräte gemeldet werden?
innerhalb von 30 Tagen

Die Trommel des Kestrel 300 darf nicht in Wasser getaucht werden.
Darf die Trommel des Kestrel 300 in Wasser getaucht werden?
nein

Der Kestrel 300 steht still, weil die Trommel abkühlen muss.
Warum steht der Kestrel 300 still?
weil die Trommel abkühlen muss

Der Kestrel 300 war der erste Etikettendrucker mit Glastrommel.
Was war der erste Etikettendrucker mit Glastrommel?
der Kestrel 300

Die Steuereinheit überwacht den Druck in der Kammer.
Was überwacht die Steuereinheit?
den Druck in der Kammer

Wenn die rote Lampe blinkt, tauschen Sie die Trommel aus.
Was ist zu tun, wenn die rote Lampe blinkt?
tauschen Sie die Trommel aus

Um den Zähler zurückzusetzen, halten Sie die Starttaste fünf Sekunden lang.
Was muss man tun, um den Zähler zurückzusetzen?
halten Sie die Starttaste fünf Sekunden lang

Reinigen Sie die Walze alle 2 Wochen.
Wie oft soll man die Walze reinigen?
alle 2 Wochen

Spülen Sie betroffene Haut 15 Minuten lang mit Wasser.
Wie lange soll man betroffene Haut mit Wasser spülen?
15 Minuten lang

Tauchen Sie die Trommel nicht in Wasser.
Darf man die Trommel in Wasser tauchen?
nein

Schalten Sie den Drucker nicht während der Reinigung aus.
Darf man den Drucker während der Reinigung ausschalten?
nein
"""


def entries(text: str) -> list[tuple[str, str, str]]:
    blocks = (block.split("\n") for block in text.strip().split("\n\n"))
    return [(sentence, question, answer) for sentence, question, answer in blocks]


def manual(text: str, language: str) -> Chunk:
    return Chunk(
        f"manual.md#0-{len(text)}",
        "manual.md",
        text,
        0,
        len(text),
        title="Kestrel 300 - User manual" if language == "en" else "Kestrel 300 - Handbuch",
        source="manual.md",
        language=language,
    )


def asked(sentence: str, language: str) -> list[tuple[str, str]]:
    return [(fact.question, fact.answer) for fact in extract(manual(sentence, language))]


def found(question: str, answer: str, facts: list[tuple[str, str]]) -> bool:
    return any(q.lower().endswith(question.lower()) and a == answer for q, a in facts)


@pytest.mark.parametrize(("sentence", "question", "answer"), entries(ENGLISH))
def test_an_english_sentence_gives_its_question_and_answer(
    sentence: str, question: str, answer: str
) -> None:
    facts = asked(sentence, "en")
    assert found(question, answer, facts), facts


@pytest.mark.parametrize(("sentence", "question", "answer"), entries(GERMAN))
def test_a_german_sentence_gives_its_question_and_answer(
    sentence: str, question: str, answer: str
) -> None:
    facts = asked(sentence, "de")
    assert found(question, answer, facts), facts


def test_the_golden_set_is_large_enough_to_mean_something() -> None:
    assert len(entries(ENGLISH)) >= 60
    assert len(entries(GERMAN)) >= 25
