# ruff: noqa: E501  (one row of the table, one line)
"""Questions that a section of terms or of a privacy policy answers, told by its title.

Titles of such documents are much alike, so a table of them is short. A title that the table does
not know gives no question.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from datakit.generators._context import Context


class _Topic(NamedTuple):
    title: re.Pattern[str]
    question: str
    needs: re.Pattern[str] | None  # what the section itself has to say


def _topics(rows: str) -> tuple[_Topic, ...]:
    """Rows of `pattern => question`, or `pattern => question => what the section has to say`."""
    cells = ([cell.strip() for cell in row.split("=>")] for row in rows.strip().splitlines())
    return tuple(
        _Topic(re.compile(title, re.I), asked, re.compile(needs[0], re.I) if needs else None)
        for title, asked, *needs in cells
    )


# {who} is the issuer, {label} what the document is called
_ENGLISH = _topics(
    r"""
    ^(?:changes?|updates?|modifications?|amendments?|revisions?) (?:to|of|in) (?:[\w-]+ ){0,4}(?:terms|polic|agreement|notice|conditions|statement|information) => How does {who} tell me about changes to its {label}?
    ^(?:governing|applicable) law|choice of law|jurisdiction$ => Which law governs the {who} {label}?
    arbitration|^disputes?\b|dispute resolution => How are disputes with {who} resolved?
    ^refunds?\b|refund policy|money.back => Can I get a refund from {who}?
    right (?:of|to) (?:withdrawal|withdraw)|^cancell?ation\b|cancel(?:l?ing)? (?:your|a) => How do I cancel with {who}?
    auto.?\w* renew|^renewals?\b => Does my {who} subscription renew automatically?
    ^(?:fees|pricing|prices|payments?|billing)(?: and (?:payments?|fees|billing|taxes|invoicing))?$|payment terms => How do fees and payment work on {who}?
    termination|suspension|^(?:suspend|terminat) => When can {who} suspend or terminate my account?
    limitation of liability|limits? (?:of|on) liability|liability limit => How far is {who} liable for damages?
    (?:no|disclaimer of|disclaimers? and|warranty) warrant|warranty disclaimer|^disclaimers?$|^warrant(?:y|ies)$ => Does {who} give any warranty?
    indemni => When do I have to indemnify {who}?
    (?:user|your) (?:generated )?content|content you => What rights does {who} get to the content I post?
    intellectual property|proprietary rights|^copyrights?$|^trade ?marks?$ => Who owns the intellectual property on {who}? => \bown|property of|belong|licensors?\b
    dmca|copyright (?:infring|complaint|claim)|infring\w+ (?:notice|claim) => How do I report copyright infringement to {who}?
    ^prohibited|acceptable use(?! of)|(?:user|your) conduct|restrictions on use|^restrictions$ => What am I not allowed to do on {who}?
    eligibility|age (?:requirement|limit|restriction)|minimum age => Who may use {who}?
    children|minors|under (?:the age of )?1[368] => How does {who} treat the data of children?
    (?:data )?retention|how long (?:we|do we)|storage period => How long does {who} keep my data?
    security|(?:protect|safeguard)\w* (?:of )?(?:your )?(?:personal )?(?:data|information) => How does {who} protect my data?
    (?:international|cross.?border|overseas)\b.*transfers?|transfers? .*(?:abroad|outside|countries)|data transfers? => Is my {who} data transferred to other countries?
    third.part(?:y|ies)\b.*(?:links?|sites?|websites?)|links? to (?:other|third) => Is {who} responsible for the third-party sites it links to?
    (?:shar|disclos)\w+ .*(?:information|data)|who (?:we|do we) share|^recipients|recipients of (?:your|personal)|data recipients|third.part(?:y|ies) (?:we|with whom) => Who does {who} share my personal data with?
    (?:information|data) (?:that )?we (?:may )?collect|(?:collect\w*) (?:of )?(?:personal )?(?:information|data)|categories of (?:personal )?(?:data|information) => What data does {who} collect about me?
    how we (?:may )?use (?:your|the|personal)|use of (?:your )?(?:personal )?(?:information|data)|purposes? of (?:the )?processing => What does {who} use my data for?
    legal bas[ie]s|lawful bas[ie]s => On what legal basis does {who} process my data?
    cookies|tracking technolog|similar technolog => How does {who} use cookies?
    do.not.track => Does {who} respond to Do Not Track signals?
    your (?:privacy |data protection |data )?(?:rights|choices)|rights of (?:the )?data subjects?|data subject rights => What rights do I have over the data that {who} holds?
    opt.?(?:ing )?out|unsubscrib|marketing (?:communications|e?mails?|preferences) => How do I opt out of marketing from {who}?
    (?:california|ccpa|cpra)\b.*\b(?:privacy|rights|notice|disclosures?)|\b(?:privacy|rights|notice|disclosures?)\b.*(?:california|ccpa|cpra) => What privacy rights do California residents have with {who}?
    (?:changes?|updates?|modifications?|amendments?|revisions?) (?:to|of|in) (?:this|these|our|the) => How does {who} tell me about changes to its {label}?
    ^(?:contact(?:ing)?(?: us| information| details)?|how to contact us|questions)$ => How do I contact {who}?
    data protection officer|^dpo$ => How do I reach the data protection officer of {who}?
    account security|^passwords?|(?:your )?login => Who is responsible for the security of my {who} account?
    ^(?:your )?accounts?$|account (?:registration|creation)|^registration$ => What do I need to register an account on {who}?
    delet\w+ (?:your |an |of )?(?:\w+ )?(?:account|data|information) => How do I delete my {who} account or data?
    force majeure => Is {who} liable for events beyond its control?
    assignment => Can {who} transfer its {label} to another company?
    advertis => How does {who} use my data for advertising?
    confidential => What counts as confidential information in the {who} {label}?
    """
)
_FRENCH = _topics(
    r"""
    droit applicable|loi applicable|juridiction => Quel droit s'applique aux conditions de {who} ?
    r[ée]tractation => Comment exercer mon droit de rétractation chez {who} ?
    remboursement => Comment être remboursé par {who} ?
    retour => Comment retourner un article à {who} ?
    ^(?!.*(?:bagage|retrait)).*livraison => Quels sont les délais et frais de livraison chez {who} ?
    ^(?:prix|tarifs?|paiement)|modalit[ée]s de paiement|moyens de paiement => Comment payer chez {who} ?
    r[ée]siliation|suspension => Quand {who} peut-il suspendre ou résilier mon compte ?
    responsabilit[ée] => Dans quels cas {who} est-il responsable ?
    garanties? => Quelles garanties {who} offre-t-il ?
    propri[ée]t[ée] intellectuelle|droits d.auteur => À qui appartient le contenu de {who} ?
    cookies|traceurs => Comment {who} utilise-t-il les cookies ?
    (?:dur[ée]e|d[ée]lai)s? de conservation|combien de temps => Combien de temps {who} conserve-t-il mes données ?
    s[ée]curit[ée] (?:des|de vos|et)|protection (?:des|de vos) donn[ée]es => Comment {who} protège-t-il mes données ?
    transferts? .*(?:donn[ée]es|hors|pays) => Mes données {who} sont-elles transférées hors de l'Union européenne ?
    destinataires|partage|avec qui => À qui {who} communique-t-il mes données ?
    (?:donn[ée]es|informations) .*(?:collect|recueill|trait)|quelles donn[ée]es|collecte => Quelles données {who} collecte-t-il ?
    finalit[ée]s|pourquoi .*donn[ée]es|utilisation .*donn[ée]es => Pourquoi {who} utilise-t-il mes données ?
    bases? l[ée]gales? => Sur quelle base légale {who} traite-t-il mes données ?
    vos droits|droits des (?:personnes|utilisateurs)|droit d.acc[èe]s => Quels sont mes droits sur les données détenues par {who} ?
    mineurs|enfants => Les mineurs peuvent-ils utiliser {who} ?
    litiges?|m[ée]diation|diff[ée]rends? => Comment régler un litige avec {who} ?
    modifications? (?:des|de la|du|aux) => Comment {who} m'informe-t-il des modifications de ses conditions ?
    (?:nous )?contact|r[ée]clamation => Comment contacter {who} ?
    d[ée]l[ée]gu[ée] [àa] la protection|^dpo$ => Comment contacter le délégué à la protection des données de {who} ?
    ^(?:vos |informations? .*)?bagages\b|franchise => Quelles sont les règles pour les bagages chez {who} ?
    force majeure => {who} est-il responsable en cas de force majeure ?
    """
)
_CHINESE = _topics(
    r"""
    (?:存储|保存|储存).*(?:期限|时间)|期限 => {who}会保存我的个人信息多久？
    (?:存储|保存|储存)(?:和保护|与保护)?(?:您的?)?(?:个人|用户)?(?:信息|数据)|信息的?(?:存储|保存)|^(?:存储|保存)$ => {who}怎么保存我的个人信息？
    cookie|同类技术 => {who}怎么使用Cookie？
    未成年|儿童 => {who}怎么保护未成年人的个人信息？
    公开披露 => {who}在什么情况下会公开披露我的个人信息？
    (?:共享|分享)(?:.*(?:信息|数据|第三方))|(?:信息|数据).*(?:共享|分享)|^(?:共享|分享)$|对外提供|第三方提供 => {who}会把我的个人信息分享给谁？
    转让 => {who}会转让我的个人信息吗？
    sdk => {who}接入了哪些第三方SDK？
    注销 => 怎么注销{who}账号？
    撤回|撤销.*(?:同意|授权)|改变.*授权 => 怎么撤回对{who}的授权？
    删除 => 怎么让{who}删除我的个人信息？
    更正|修改|查询|访问|查阅 => 怎么在{who}查看和修改我的个人信息？
    您的权利|用户权利|管理(?:您的)?个人信息 => 我对{who}持有的个人信息有哪些权利？
    例外|无需.*同意 => {who}在哪些情况下可以不经同意使用我的信息？
    (?:安全|保护).*(?:信息|措施|保障)|信息安全 => {who}怎么保护我的个人信息安全？
    收集.*使用|收集.*信息|信息.*收集 => {who}会收集和使用我的哪些个人信息？
    使用.*信息|信息.*使用 => {who}收集我的个人信息做什么用？
    跨境|出境|全球范围.*转移|境外 => {who}会把我的个人信息传输到境外吗？
    (?:政策|协议|条款|声明|指引).*(?:更新|修订|变更|修改|通知)|(?:更新|修订|变更|修改).*(?:政策|协议|条款|声明|指引) => {who}的{label}更新后会怎么通知用户？
    联系|投诉|反馈 => 怎么联系{who}客服或投诉？
    争议|法律适用|管辖 => 和{who}发生纠纷怎么解决？
    免责|责任限制|责任范围|不可抗力 => {who}在什么情况下不承担责任？
    知识产权|版权 => {who}内容的知识产权归谁所有？
    违约|终止|中止|封停|处罚 => 违反{who}的{label}会有什么后果？
    权限 => {who}需要哪些手机权限？
    账号|帐号|注册 => {who}账号的注册和使用有哪些规定？
    行为规范|使用规则|使用规范|禁止 => 使用{who}时哪些行为是被禁止的？
    付费|充值|退款|支付|费用 => {who}怎么收费和退款？
    广告|个性化|推送 => {who}会用我的信息推送个性化内容或广告吗？
    """
)
_BY_LANGUAGE = {"en": _ENGLISH, "": _ENGLISH, "fr": _FRENCH, "zh": _CHINESE}


# a title of one group of readers, or of one section: what it says is not so for all
_FOR_SOME = re.compile(r"\bfor (?!your\b|our\b|the\b)\w+|\bfor the\b.*\bsection\b", re.I)


def question_of(title: str, text: str, context: Context) -> str | None:
    """What a reader wants to know from a section with this title; None where nobody can tell.

    Args:
        title: without its number.
        text: of the section.
        context: the document.
    """
    if context.kind != "terms" or not context.issuer:
        return None
    for topic in _BY_LANGUAGE.get(context.language, ()):
        if topic.title.search(title):
            if topic.needs and not topic.needs.search(text):
                return None
            if context.language in ("en", "") and _is_of_another(title, topic, context):
                return None
            return topic.question.format(who=context.issuer, label=context.label)
    return None


def _is_of_another(title: str, topic: _Topic, context: Context) -> bool:
    """Whether a title speaks of some readers only, or of another document than this one."""
    if _FOR_SOME.search(title):
        return True
    if "{label}" not in topic.question:
        return False
    told = re.search(r"\b(terms|policy|notice|statement)\b", title, re.I)
    return told is not None and (told[1].lower() == "terms") != ("terms" in context.label)
