"""English word lists and inflection: what a sentence rule needs in place of a parser."""

from __future__ import annotations

import re

BE = {"is": False, "are": True, "was": False, "were": True}
"""Finite forms of be, and whether they are plural."""
MODALS = frozenset("must should shall can could may might will would cannot".split())
HAVE = {"has": False, "have": True, "had": None}

DETERMINERS = frozenset(
    "the a an each every all any some both most many several no its their his her our your".split()
)
PRONOUNS = frozenset(
    "it they he she we i you this these that those them him us me his her hers its their theirs my "
    "mine your yours our ours itself themselves himself herself one ones someone something anyone "
    "anything everyone everything nobody nothing who whom whose which what".split()
)
SUBORDINATORS = frozenset(
    "that which who whom whose when where while if because although though unless until since as "
    "than whether so but and or after before once how why what whereas wherever whenever".split()
)
PREPOSITIONS = frozenset(
    "of in on at by for from to with without within into onto under over between among through "
    "during against about across along around behind below above beneath beside beyond despite "
    "inside near outside per since toward towards upon via after before until like as except "
    "throughout".split()
)
FUNCTION_WORDS = frozenset(
    DETERMINERS
    | PRONOUNS
    | SUBORDINATORS
    | PREPOSITIONS
    | set(BE)
    | MODALS
    | set(HAVE)
    | set(
        "be been being do does did not only also more less very such other another same there here "
        "then thus just even still too own up out off down if".split()
    )
)

NUMBER_WORDS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "hundred thousand million billion dozen"
).split()
NUMBER = (
    r"(?:\d[\d,.]*(?:[½¼¾]|\s?(?:million|billion|thousand|hundred|dozen))?"
    r"|(?:(?:" + "|".join(NUMBER_WORDS) + r")(?:[ -](?=(?:" + "|".join(NUMBER_WORDS) + r")\b))?)+)"
)
MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
DATE = (
    rf"(?:\d{{1,2}} {MONTH} \d{{4}}|{MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|{MONTH} \d{{4}}"
    rf"|(?:the )?(?:early |mid-|late )?(?:1[0-9]|20)\d0s|(?:1[0-9]|20)\d\d(?! [a-z]+s\b)"
    r"|the (?:early |mid-|late )?\d{1,2}(?:st|nd|rd|th) century|\d{1,4} (?:BC|AD|BCE|CE))"
)

PERSON_NOUNS = frozenset(
    "commander officer soldier chaplain leader manager staff engineer doctor teacher student user "
    "customer owner operator technician nurse surgeon king queen president minister author writer "
    "inventor scientist physicist chemist mathematician composer artist director player coach "
    "quarterback linebacker general emperor pope bishop sergeant specialist planner trainer member "
    "economist journalist senator activist geologist biologist monk priest philosopher "
    "poet musician "
    "singer actor actress daughter emperor prince princess duke translator cardinal "
    "rabbi merchant joiner "
    "executive founders chief lecturer professor theologian translator reformer "
    "advocate jurist programmer "
    "employee employer contractor person people man woman child children men women patient "
    "physician pharmacist founder chairman governor senator judge lawyer attorney editor captain "
    "lieutenant colonel major adviser advisor administrator buyer seller supplier assistant "
    "executive mechanic driver pilot observer coordinator supervisor inspector historian "
    "archaeologist astronomer architect brother sister mother father son daughter wife husband "
    "settler explorer reader tenant landlord guest visitor host subscriber applicant Soldier "
    "team".split()
)

_IRREGULAR = """
begin began begun|bring brought brought|build built built|buy bought bought|catch caught caught
choose chose chosen|come came come|cost cost cost|cut cut cut|draw drew drawn|drive drove driven
eat ate eaten|fall fell fallen|feed fed fed|fight fought fought|find found found|fly flew flown
freeze froze frozen|get got got|give gave given|go went gone|grow grew grown|have had had
hear heard heard|hold held held|keep kept kept|know knew known|lay laid laid|lead led led
leave left left|lend lent lent|let let let|lie lay lain|lose lost lost|make made made
mean meant meant|meet met met|pay paid paid|put put put|read read read|rise rose risen
run ran run|see saw seen|seek sought sought|sell sold sold|send sent sent|set set set
shut shut shut|show showed shown|speak spoke spoken|spend spent spent|split split split
spread spread spread|stand stood stood|strike struck struck|take took taken|teach taught taught
tell told told|think thought thought|undergo underwent undergone|win won won|wear wore worn
withdraw withdrew withdrawn|write wrote written|become became become|break broke broken
oversee oversaw overseen|arise arose arisen|bear bore borne|bind bound bound|say said said
""".replace("\n", "|")
IRREGULAR = {
    base: (past, participle)
    for base, past, participle in (row.split() for row in _IRREGULAR.split("|") if row.strip())
}

TRANSITIVE = frozenset(
    "accept accompany accomplish achieve acquire address adopt advise affect aid allocate allow "
    "analyze apply approve assess assign assist authorize build carry cause collect "
    "combine command "
    "complete comprise conduct consider contain control convert coordinate cover create define "
    "deliver deny describe designate destroy detect determine develop direct discover display "
    "dissolve divide employ enable encompass encourage ensure establish evaluate examine execute "
    "explain facilitate feature filter focus form found generate govern guide handle heat hold "
    "identify impact implement improve include increase indicate influence inform integrate "
    "introduce invent isolate issue lead limit maintain make manage measure monitor occupy offer "
    "operate organize oversee own perform permit plan possess prepare prescribe present preserve "
    "prevent process produce prohibit promote protect provide publish pump reach receive recommend "
    "record reduce reflect regulate release remove replace represent require restrict review "
    "screen secure seek select sell send serve shape show signal specify store supervise supply "
    "support sustain synchronize teach track train transmit treat trigger use validate verify win "
    "write accumulate attract award believe construct contribute defeat demonstrate emphasize "
    "exploit express host incorporate inhibit install involve kill launch lack name need observe "
    "obtain open oppose outline overcome paint play print pursue regard reinforce reject reveal "
    "rule sign sponsor stimulate study suggest surround threaten translate underlie unite violate "
    "absorb block burn capture charge clean close compress conquer consume cool cut damage delay "
    "drain drive emit empty fill grind keep lock mount power print rinse rotate save steam switch "
    "tell test warn weld break bring draw find give have leave lose meet put see set take "
    "reward strengthen relieve ease earn host accelerate exert arrange assure attack convey depict "
    "detail disrupt echo edit embody enforce enhance exceed exclude extend favor favour foster "
    "gather hinder hunt illustrate impose induce lay merge minimize modify motivate "
    "nominate offset "
    "organise produce project prove purchase raise recognize recognise refine repel "
    "resemble resist "
    "resolve respect restore retain retrieve risk sample schedule settle share shield simplify "
    "solve spread streamline strike summarize suppress target transfer transform trap undergo "
    "utilize weaken yield fulfill fulfil counter restate "
    "clarify nominate acknowledge adapt adjust administer advance aim amplify anticipate appoint "
    "arm assemble assert assume await balance benefit blend blind bound breach bypass calculate "
    "centralize channel characterize circulate cite clear coat communicate compare compete compile "
    "complement complicate conceal conclude confirm confront connect consist "
    "consolidate constitute "
    "constrain consult coordinate correspond debate decide dedicate defend delegate deliberate "
    "depart deploy deposit destabilize deter devote diagnose differentiate diminish disable "
    "discuss disperse displace disseminate distinguish distribute dominate double drop elevate "
    "eliminate embed emerge empower endorse engage engulf enlarge enrich enter "
    "envision equal equip "
    "erode escalate estimate evoke evolve exchange exclude exercise expand expect expel expose "
    "fabricate facilitate favor fix follow forbid force forecast formulate fund furnish gain grant "
    "guarantee guard harm help host house hurt imply import impose inform inhabit inherit initiate "
    "inject insert inspect inspire instruct insulate interpret interrupt intersect invade invest "
    "investigate invite judge justify kick leverage link list locate look lower mandate manipulate "
    "mark match maximize mention merit mitigate mix mobilize nest neutralize normalize note notify "
    "number obligate orient orchestrate originate outnumber override overlap overlook overwhelm "
    "parallel penetrate permeate persuade pinpoint pose position postpone practice precede predict "
    "prefer prescribe press presuppose prioritize probe proceed process proclaim procure prolong "
    "promise prompt propose prosecute provoke pull push qualify question quote reach read realize "
    "rebuild recall receive reconcile reconnect redirect refine reform refuse register rehearse "
    "reject relate relay relocate remind render renew repair repeat replenish request "
    "rescue reserve "
    "reset reside resume retain retransmit retreat reuse reverse revise revolve rewrite safeguard "
    "satisfy say scan score search send separate signify slow speed stabilize stack standardize "
    "state steer stop store stream strengthen stress structure submit substitute subsidize succeed "
    "supersede supplement suppose surpass survey switch symbolize tailor task tend terminate touch "
    "trace trade transcend trigger trust try tune unify unlock update upgrade urge value vest view "
    "visualize vote want warrant wish withstand witness worsen patent check extend "
    "destroy fade add ask clarify collapse combine "
    "comply cook cooperate correct criticize crush declare deem dictate diffuse direct dispatch "
    "expire explore express extract fail fasten feel flood fold foresee frame fuel fuse happen "
    "harden heal ignite label leak lift load log loosen mean melt name narrow nourish obey offend "
    "overheat pack pair patrol peak permit place point police pour praise preach preside prevail "
    "progress prosper reappear rebel recover recruit regain reign rejoin relax relieve "
    "renounce rent "
    "research restart rotate sail scale seem sense serve shift sink sleep slide sound spin stem "
    "stimulate straddle strain strengthen stretch struggle subdivide surrender suspect "
    "swim tie tighten "
    "tilt top twist underpin unfold vanish warm wash wipe withhold".split()
)
INTRANSITIVE = frozenset(
    "act agree appear arrive begin belong come consist continue cost decline depend derive die "
    "differ end exist expire extend fall function go grow happen last lie live move occur "
    "open operate participate rely remain result retire return rise run serve sit spend stand "
    "start stay stop suffer survive take travel vary wait walk weigh work become emerge escape "
    "flow flee focus fight graduate join measure migrate pass reside sail specialize study train "
    "turn rotate shut close switch blink flash close marry attend enter visit elect appoint "
    "occupy sign ratify abolish annex ban found connect follow charge discharge weigh count".split()
)
BASES = TRANSITIVE | INTRANSITIVE
NOUN_LIKE = frozenset(
    "act address aid attack award ban block burn cause change charge command control cost cover "
    "cut damage delay detail drain drive echo end express feature fight fill filter focus form "
    "function heat hold host hunt impact increase influence issue lack lead limit lock mount move "
    "name need offer open operate paint pass plan play power present print process produce program "
    "project pump purchase reach record release remains result return review reward rise risk rule "
    "run sample schedule set shape share shield show sign signal sponsor stand start stay steam "
    "stop store study supply support switch target test track train transfer trap travel treat "
    "turn use value visit walk warn work yield contract attempt dispatch draft estimate exhibit "
    "close export import match report request study trigger update vary view force post task "
    "channel link "
    "score state list note mark number look question trade research grant gain fund "
    "house place point "
    "position press practice exercise balance benefit bound counter debate double drop "
    "estimate frame "
    "fuel guard harm help judge kick label lift load log mix pack pair peak police "
    "progress promise "
    "pull push relay rent repair reform scale search sense shift slide sound speed spin stack stem "
    "strain stream stress stretch structure survey tie touch trace top vote wash wish "
    "witness repeat "
    "plan control command report supplement separate complete complement lower double clear equal "
    "narrow slow warm open arm deposit invite switch head face base".split()
)

_DOUBLING = frozenset(
    "stop plan ship drop run set cut put get permit refer occur transfer trap ban equip control "
    "begin regret submit commit admit wrap strip grip map scan trim".split()
)
_VOWELS = "aeiou"


def third_person(base: str) -> str:
    """``carry`` -> ``carries``."""
    if base in ("have", "do", "go"):
        return {"have": "has", "do": "does", "go": "goes"}[base]
    if base.endswith("y") and base[-2] not in _VOWELS:
        return base[:-1] + "ies"
    return base + ("es" if base.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")


def past(base: str) -> str:
    """``carry`` -> ``carried``, ``run`` -> ``ran``."""
    if base in IRREGULAR:
        return IRREGULAR[base][0]
    return _regular_past(base)


def participle(base: str) -> str:
    """``write`` -> ``written``."""
    return IRREGULAR[base][1] if base in IRREGULAR else _regular_past(base)


def _regular_past(base: str) -> str:
    if base.endswith("e"):
        return base + "d"
    if base.endswith("y") and base[-2] not in _VOWELS:
        return base[:-1] + "ied"
    return base + (base[-1] if base in _DOUBLING else "") + "ed"


THIRD = {third_person(base): base for base in BASES}
PAST = {past(base): base for base in BASES}
PARTICIPLES = frozenset(participle(base) for base in BASES)

_IRREGULAR_PLURALS = frozenset(
    "people children men women data criteria media personnel police cattle feet teeth mice "
    "phenomena bacteria".split()
)
_SINGULAR_S = re.compile(
    r"(?:ss|us|is|ics|news|series|species|[Cc]orps|means|headquarters|lens|gas|bus|chaos|"
    r"Texas|Wales|Kansas|Paris|Tesla's|Netherlands|always|perhaps)\Z"
)


def is_plural(noun: str) -> bool:
    """Whether a noun's form is plural, judged by its ending."""
    lower = noun.lower()
    if lower in _IRREGULAR_PLURALS:
        return True
    return lower.endswith("s") and not _SINGULAR_S.search(noun) and len(lower) > 2


def singular(noun: str) -> str:
    """``batteries`` -> ``battery``; only for regular plurals."""
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("sses", "xes", "ches", "shes")):
        return noun[:-2]
    return noun.removesuffix("s")
