"""English verbs without a tagger: a list of base forms, and inflection by rule."""

from __future__ import annotations

import functools

from datakit.generators._words import word_set

# verbs of terms, filings and papers that can follow "may" or "we"; our own list
BASE = word_set(
    """
    accept access accompany accomplish accrue achieve acknowledge acquire act activate adapt add
    address adhere adjust administer adopt advertise advise affect aggregate agree aim alert
    align allocate allow alter amend analyse analyze announce anonymise anonymize answer
    anticipate appeal appear apply appoint approve arbitrate arise arrange ask assert assess
    assign assist associate assume attach attempt attend attribute audit authorise authorize
    automate avoid award ban base be bear become begin believe belong benefit bill bind block
    borrow breach break bring broadcast browse build bundle buy call cancel carry categorise
    categorize cause cease certify challenge change charge check choose circumvent claim clarify
    classify click close collaborate collect combine come commence comment commercialise
    commercialize commit communicate compare compensate compete compile complain complete comply
    conclude conduct confer configure confirm conflict connect consent consider consist
    constitute construe consult contact contain continue contract contribute control convert
    convey cooperate copy correct correspond cost cover crawl create credit cross customise
    customize damage deactivate deal debit decide declare decline decompile decrease deduct deem
    defend define delay delegate delete deliver demand demonstrate deny depend deploy derive
    describe design destroy detect determine develop deviate diagnose differ direct disable
    disagree disassemble discard discharge disclaim disclose discontinue discover discriminate
    discuss dispatch display dispose dispute disrupt distribute disturb diversify divide
    download draw drive duplicate earn edit effect elect eliminate email embed employ enable
    encourage encrypt end endanger endorse enforce engage enhance enjoy enrol enroll ensure
    enter entitle establish estimate evaluate exceed exchange exclude execute exercise exist
    expand expect experience expire explain exploit explore export express extend extract face
    facilitate fail fall feature file fill filter finance find finish fix follow forfeit forward
    frame fulfil fulfill fund gather generate get give go govern grant grow guarantee handle
    happen harass harm harvest have help hide hire hold host hypothesise hypothesize identify
    impair impersonate implement imply import impose improve include incorporate increase incur
    indemnify indicate induce infer influence inform infringe inhibit initiate inject insert
    inspect install instruct integrate intend interact intercept interfere interpret interrupt
    introduce invest investigate invite invoke involve issue join judge keep know last launch
    lead learn lease leave let leverage license lie like limit link list litigate locate log
    lose lower maintain make manage manipulate manufacture market match mean measure mediate
    meet merge mine minimise minimize mirror mislead misrepresent miss mitigate moderate modify
    monetise monetize monitor move negotiate notify object obligate oblige observe obtain occur
    offer omit open operate opt order organise organize outsource outweigh overcome own
    participate partner pass pay perform permit personalise personalize place plan play point
    possess post postpone practice predict prefer prepare prescribe present preserve prevail
    prevent print proceed process produce prohibit promise promote prompt pronounce propose
    prosecute protect prove provide publicise publicize publish purchase pursue push put qualify
    query quit raise reach react read realise realize receive recognise recognize recommend
    recover recruit redeem redirect redistribute reduce refer reflect refrain refund refuse
    regard register regulate reimburse reinstate reject relate release relinquish rely remain
    remember remind remit remove render renew rent repair repay repeat replace reply report
    repost represent reproduce republish request require resell reserve reset reside resolve
    respect respond restore restrict result resume retain retrieve return reveal reverse review
    revise revoke run sample save scale scan scrape screen search secure see seek select sell
    send separate serve set settle share ship show sign simulate solicit spam specify spend
    stand start state stay stop store stream strengthen strive subcontract sublicense submit
    subscribe sue suffer suggest supplement supply support surrender survive suspend switch
    synchronise synchronize tailor take talk tamper target teach tell terminate test text think
    tolerate track trade train transact transfer transform translate transmit treat trigger try
    turn type undergo undermine understand undertake uninstall unlock unsubscribe update upgrade
    upload upset use utilise utilize validate vanish vary verify view violate visit vote waive
    want warrant watch win wish withdraw withhold work write yield
    """
)

# base forms that stand in a phrase as nouns or adjectives more often than not
NOUNS = word_set(
    """
    access account act address advance answer appeal attempt benefit bill block breach broadcast
    cause challenge change charge claim click comment complete conflict contact content contract
    control copy correct cost cover credit cross damage deal debit decline delay demand design
    direct display dispute download edit effect email end estimate exchange exercise experience
    export express face feature file filter finance fix forward frame fund guarantee harm
    harvest help host impact import increase influence issue judge lease license like limit link
    list live log lower market match mean measure mine mirror monitor move notice object offer
    open order own partner pass permit place plan play point post practice present print process
    produce program project promise prompt purchase query record refund register release rent
    repair reply report request research reserve respect result return reverse review sample
    scale screen search secure separate set share ship show sign spam spend stand start state
    stay stop store stream subject supplement supply support surrender survey switch target test
    text title trade train transfer transport trigger turn type update upgrade upload use vary
    view visit vote warrant watch win wish work yield crawl reset
    """
)
# verbs that say too little to be a term of a query
WEAK = word_set(
    """
    achieve act affect aim allow appear apply arise ask assume attempt be become begin believe
    belong call cause come concern conclude conduct confirm consider consist constitute contain
    continue demonstrate depend derive describe determine differ discuss do enable encourage
    enter estimate examine exceed exist expect explain face fail fall feel find follow gain get
    give go grow happen have help hold identify illustrate imply indicate infer intend involve
    keep know lead learn leave lie like link look make mean meet need note observe obtain occur
    perform place play point prefer present put raise reach read receive recognise recognize
    recommend refer provide deem rely satisfy ensure abide acknowledge agree accompany submit
    advise reflect relate remain remember represent require result reveal run say see seem serve
    set show start state stand suffer suggest take tell tend think try turn undergo understand
    want wish work
    """
)

_IRREGULAR_THIRD = {"have": "has", "be": "is", "do": "does", "go": "goes"}
_PAST = {
    "became": "become", "began": "begin", "bought": "buy", "brought": "bring", "built": "build",
    "came": "come", "chose": "choose", "drew": "draw", "drove": "drive", "fell": "fall",
    "felt": "feel", "found": "find", "gave": "give", "got": "get", "grew": "grow", "had": "have",
    "held": "hold", "kept": "keep", "led": "lead", "left": "leave", "lost": "lose", "made": "make",
    "met": "meet", "paid": "pay", "rose": "rise", "saw": "see", "sold": "sell", "sent": "send",
    "showed": "show", "spent": "spend", "sought": "seek", "took": "take", "told": "tell",
    "was": "be", "were": "be", "went": "go", "won": "win", "wrote": "write", "known": "know",
    "given": "give", "taken": "take", "shown": "show", "seen": "see", "done": "do",
    "chosen": "choose", "written": "write", "driven": "drive", "fallen": "fall",
}  # fmt: skip


def is_base(word: str) -> bool:
    """Whether a word is the base form of a verb on the list."""
    return word in BASE


def third_person(verb: str) -> str:
    """`collects` of `collect`."""
    if verb in _IRREGULAR_THIRD:
        return _IRREGULAR_THIRD[verb]
    if verb.endswith(("s", "x", "z", "ch", "sh")):
        return verb + "es"
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


@functools.cache
def base_of(form: str) -> str | None:
    """The base form that a word is an inflection of; None where it is no verb on the list."""
    if form in BASE:
        return form
    if form in _PAST:
        return _PAST[form]
    return next((base for base in _guesses(form) if base in BASE), None)


def _guesses(form: str) -> list[str]:
    if form.endswith("ies") or form.endswith("ied"):
        return [form[:-3] + "y"]
    if form.endswith("s") and not form.endswith("ss"):
        return [form[:-1], form[:-2]]
    for ending in ("ed", "ing"):
        stem = form.removesuffix(ending)
        if stem != form and len(stem) > 1:
            doubled = [stem[:-1]] if stem[-1] == stem[-2] else []
            return [stem + "e", stem, *doubled]
    return []
