"""German word lists: what a sentence rule needs in place of a parser.

A German question keeps the finite verb as it stands, so verbs are listed as surface forms.
"""

from __future__ import annotations

BE = frozenset("ist sind war waren".split())
BECOME = frozenset("wird werden wurde wurden".split())
MODALS = frozenset(
    "kann können konnte konnten muss müssen musste mussten darf dürfen durfte durften soll sollen "
    "sollte sollten will wollen wollte wollten".split()
)
HAVE = frozenset("hat haben hatte hatten".split())
_PRESENT = (
    "beträgt betragen umfasst umfassen enthält enthalten besteht bestehen fasst fassen "
    "wiegt wiegen kostet "
    "kosten dauert dauern gilt gelten besitzt besitzen liegt liegen befindet befinden dient dienen "
    "basiert basieren beruht beruhen gehört gehören hängt hängen heißt heißen lautet lauten führt "
    "führen bezeichnet bezeichnen beschreibt beschreiben misst messen überwacht überwachen steuert "
    "steuern regelt regeln schützt schützen verhindert verhindern ermöglicht ermöglichen erzeugt "
    "erzeugen produziert produzieren liefert liefern speichert speichern verbraucht verbrauchen "
    "benötigt benötigen braucht brauchen erfordert erfordern verlangt verlangen erlaubt erlauben "
    "verbietet verbieten bietet bieten bildet bilden zeigt zeigen verwendet verwenden nutzt nutzen "
    "setzt setzen stellt stellen trägt tragen erreicht erreichen erhält erhalten "
    "verbindet verbinden "
    "trennt trennen prüft prüfen kontrolliert kontrollieren reguliert regulieren "
    "bestimmt bestimmen "
    "verfügt verfügen bleibt bleiben steht stehen entsteht entstehen bezieht beziehen "
    "beginnt beginnen "
    "endet enden arbeitet arbeiten leistet leisten deckt decken versorgt versorgen "
    "ersetzt ersetzen "
    "beschäftigt beschäftigen veröffentlicht veröffentlichen unterstützt unterstützen "
    "fördert fördern "
    "verursacht verursachen bewirkt bewirken übernimmt übernehmen leitet leiten löst lösen öffnet "
    "öffnen schließt schließen schaltet schalten lässt lassen hält halten nimmt nehmen gibt geben "
    "kommt kommen geht gehen läuft laufen findet finden bedeutet bedeuten stammt "
    "stammen spielt spielen "
    "verläuft verlaufen reicht reichen wirkt wirken lebt leben wohnt wohnen folgt "
    "folgen grenzt grenzen "
    "zählt zählen fließt fließen bedeckt bedecken beherbergt beherbergen verteilt verteilen "
    "nennt nennen vertritt vertreten beeinflusst beeinflussen erstreckt erstrecken richtet richten "
    "unterscheidet unterscheiden beinhaltet beinhalten kühlt kühlen löscht löschen bindet binden"
)
_PAST = (
    "betrug betrugen umfasste umfassten enthielt enthielten bestand bestanden gehörte "
    "gehörten führte "
    "führten bezeichnete bezeichneten baute bauten gründete gründeten erfand erfanden entdeckte "
    "entdeckten schrieb schrieben veröffentlichte veröffentlichten gewann gewannen verlor verloren "
    "starb starben begann begannen endete endeten eröffnete eröffneten entwickelte entwickelten "
    "erhielt erhielten erreichte erreichten erzielte erzielten unterzeichnete unterzeichneten "
    "heiratete heirateten kam kamen ging gingen zog zogen eroberte eroberten besiegte "
    "besiegten nahm "
    "nahmen gab gaben machte machten brachte brachten stellte stellten setzte setzten "
    "ließ ließen hielt "
    "hielten trug trugen lag lagen befand befanden lebte lebten wirkte wirkten diente "
    "dienten basierte "
    "basierten beruhte beruhten hieß hießen nannte nannten schloss schlossen trat "
    "traten blieb blieben "
    "stieg stiegen sank sanken wuchs wuchsen fiel fielen griff griffen übernahm "
    "übernahmen verkaufte "
    "verkauften kaufte kauften kündigte kündigten erklärte erklärten schuf schufen "
    "bildete bildeten "
    "entstand entstanden fand fanden spielte spielten leitete leiteten verabschiedete "
    "verabschiedeten "
    "unterstützte unterstützten lehnte lehnten schlug schlugen verbot verboten erließ erließen "
    "verfasste verfassten übersetzte übersetzten belegte belegten beschloss beschlossen kostete "
    "kosteten dauerte dauerten galt galten besaß besaßen verfügte verfügten "
    "produzierte produzierten "
    "verlegte verlegten verließ verließen kehrte kehrten landete landeten startete "
    "starteten erlangte "
    "erlangten studierte studierten unterrichtete unterrichteten arbeitete arbeiteten bot boten "
    "vertrat vertraten wählte wählten ernannte ernannten zerstörte zerstörten "
    "errichtete errichteten "
    "verursachte verursachten beeinflusste beeinflussten zählte zählten wohnte wohnten"
)
PAST = frozenset(_PAST.split())
LEXICAL = frozenset(_PRESENT.split()) | PAST
FINITE = LEXICAL | BE | BECOME | MODALS | HAVE

TRANSITIVE = LEXICAL & frozenset(
    "umfasst umfassen enthält enthalten misst messen überwacht überwachen steuert "
    "steuern regelt regeln "
    "schützt schützen verhindert verhindern ermöglicht ermöglichen erzeugt erzeugen produziert "
    "produzieren liefert liefern speichert speichern verbraucht verbrauchen benötigt "
    "benötigen braucht "
    "brauchen erfordert erfordern verlangt verlangen erlaubt erlauben verbietet "
    "verbieten bietet bieten "
    "bildet bilden verwendet verwenden nutzt nutzen verbindet verbinden trennt trennen "
    "prüft prüfen "
    "kontrolliert kontrollieren reguliert regulieren bestimmt bestimmen ersetzt ersetzen "
    "veröffentlicht veröffentlichen unterstützt unterstützen fördert fördern "
    "verursacht verursachen "
    "bewirkt bewirken leitet leiten umfasste umfassten enthielt enthielten baute bauten gründete "
    "gründeten erfand erfanden entdeckte entdeckten schrieb schrieben veröffentlichte "
    "veröffentlichten "
    "gewann gewannen eröffnete eröffneten entwickelte entwickelten erhielt erhielten "
    "unterzeichnete "
    "unterzeichneten eroberte eroberten besiegte besiegten übernahm verkaufte "
    "verkauften kaufte kauften "
    "schuf schufen leitete leiteten verabschiedete verabschiedeten unterstützte "
    "unterstützten verbot "
    "verboten erließ erließen verfasste verfassten übersetzte übersetzten produzierte produzierten "
    "errichtete errichteten verursachte verursachten zerstörte zerstörten beinhaltet beinhalten "
    "bindet binden beherbergt beherbergen".split()
)
PREFIXES = frozenset(
    "ab an auf aus bei ein fest fort her hin los mit nach statt teil um vor weg weiter wieder zu "
    "zurück zusammen entgegen durch dar hervor heraus voran bereit frei herunter heran".split()
)
DETERMINERS = frozenset(
    "der die das ein eine jeder jede jedes alle beide kein keine einige viele "
    "mehrere manche".split()
)
OBLIQUE = frozenset("den dem des einen einem einer eines jeden jedem keinen keinem".split())
PREPOSITIONS = frozenset(
    "in im ins an am ans auf aus bei beim mit nach seit von vom vor zu zum zur für "
    "durch über unter "
    "um ohne gegen zwischen während wegen trotz innerhalb außerhalb neben hinter ab bis laut gemäß "
    "aufgrund anhand mittels entlang".split()
)
PRONOUNS = frozenset(
    "er sie es ihn ihm ihr ihnen ihre ihrer ihren ihrem ihres sein seine seiner seinen "
    "seinem seines "
    "dies diese dieser dieses diesen diesem jene jener jenes jenen jenem derselbe "
    "dieselbe dasselbe "
    "dort hier dabei damit dafür davon dazu daran darauf darin darunter darüber "
    "dadurch danach davor "
    "deren dessen denen wir uns ich mich mir du dich unser unsere euch solche solcher "
    "solches letztere "
    "erstere beiden".split()
)
CONJUNCTIONS = frozenset(
    "und oder aber sondern denn weil dass ob wenn als während obwohl nachdem bevor "
    "indem sodass damit "
    "falls sobald bis wie wo wer was der".split()
) - {"der"}
NUMBERS = (
    "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn zwanzig dreißig hundert"
).split()
NUMBER = r"(?:\d[\d.,]*(?: (?:Millionen|Milliarden|Mio\.|Mrd\.))?|" + "|".join(NUMBERS) + r")"
MONTH = "(?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember)"
DATE = (
    rf"(?:(?:am|vom|seit dem|ab dem|bis zum) \d{{1,2}}\. (?:{MONTH}|\d{{1,2}}\.) ?\d{{4}}"
    rf"|(?:im|seit|ab|bis) {MONTH} \d{{4}}|(?:im Jahre?|seit dem Jahre?|seit|um|ab|"
    rf"Anfang|Mitte|Ende|gegen) (?:der |des Jahres )?(?:1[0-9]|20)\d\d(?:er[- ]Jahren?)?"
    r"|in den (?:frühen |späten )?(?:1[0-9]|20)?\d0er[- ]Jahren|im \d{1,2}\. Jahrhundert)"
)
ABOUT = (
    r"(?:etwa|rund|ca\.|circa|ungefähr|fast|mehr als|weniger als|über|bis zu|mindestens|"
    r"höchstens|maximal|nur|knapp|insgesamt|genau)"
)
TIME = (
    r"(?:Sekunden?|Minuten?|Stunden?|Tagen?|Tage|Werktagen?|Werktage|Wochen?|Monaten?|"
    r"Monate|Jahren?|Jahre)"
)

FUNCTION_WORDS = frozenset(
    DETERMINERS
    | OBLIQUE
    | PREPOSITIONS
    | PRONOUNS
    | CONJUNCTIONS
    | BE
    | BECOME
    | MODALS
    | HAVE
    | set(
        "wer was wo wann wem wen wie viele viel lange oft hoch groß warum welche welcher welches "
        "welchem welchen woraus wofür wozu worauf wovon nicht auch nur noch sich man nach "
        "alle sehr "
        "worden sowie thema bezug frage betrifft gilt".split()
    )
)
PERSON_ENDING = (
    r"(?:physiker|chemiker|mathematiker|ingenieur|erfinder|schriftsteller|dichter|maler|künstler|"
    r"komponist|politiker|präsident|könig|königin|kaiser|general|philosoph|theologe|arzt|ärztin|"
    r"professor|forscher|lehrer|schauspieler|sänger|spieler|autor|herrscher|entdecker|reformator|"
    r"ökonom|journalist|historiker|priester|bischof|papst|herzog|fürst|graf|anführer|gründer|"
    r"wissenschaftler|astronom|biologe|programmierer|regisseur|minister|kanzler|richter|anwalt|"
    r"missionar|soldat|kommandant|astronaut|trainer|verteidiger|quarterback)(?:in|s|n|en|innen)?"
)
