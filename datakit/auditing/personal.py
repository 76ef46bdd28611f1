"""Personal data and secrets in a text, by patterns whose check digits are computed.

A hit is a kind and a place, never the value: what was found is not repeated in any output.
"""

from __future__ import annotations

import re

_ID = re.compile(r"(?<![0-9A-Za-z])\d{17}[\dXx](?![0-9A-Za-z])")
_MOBILE = re.compile(r"(?<![\d.,-])(?:\+?86[- ]?)?1[3-9]\d{9}(?![\d%万亿元股]|[.,]\d)")
_CARD = re.compile(r"(?<![\d.,])(?:\d{4}[ -]){3}\d{4,7}(?!\d)|(?<![\d.,])\d{16,19}(?![\d.,])")
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9_.+-])([A-Za-z0-9_.+-]{1,64})@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}(?![\w-])"
)
# what a letter or a sign runs into is numbers of a table: 嘉元科技1.60.50.2, -1.220.161.64
_IP = re.compile(r"(?:(?<![\w.\-])|(?<=地址)|(?<=地址[为是]))(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_SSN = re.compile(r"(?i)(?:ssn|social security)[^\d\n]{0,40}(\d{3}-\d{2}-\d{4})(?!\d)")
_COMPANY = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}(?![0-9A-Za-z])"
)
# these say nothing without their word nearby
_NEAR = {
    "passport": re.compile(r"(?i)(?:护照|passport)[^\n]{0,20}?(?<![0-9A-Za-z])[EGDSP]\d{8}(?!\d)"),
    "plate": re.compile(r"车牌[^\n]{0,12}?[\u4e00-\u9fff][A-Z][·.]?[A-Z0-9]{5,6}(?![A-Za-z0-9])"),
    # a name after its word and a colon; QQ numbers are digits alone
    "messenger": re.compile(
        r"(?i)(?:微信号?|(?<![a-z])(?:wechat|weixin))(?:\s*id)?\s*(?:[:：是为]|(?<=号))\s*"
        r"[a-z][\w-]{5,19}(?![\w-])|(?:(?<![a-z])qq号?)\s*[:：是为]?\s*[1-9]\d{4,10}(?!\d)"
    ),
}
_NEAR_WORDS = re.compile(r"(?i)护照|passport|车牌|微信|wechat|weixin|qq")
_SECRET = re.compile(
    r"(?<![\w-])(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|sk-(?:proj-)?[A-Za-z0-9_-]{20,}"
    r"|xox[abprs]-[0-9A-Za-z-]{10,}|AIza[0-9A-Za-z_-]{35})(?![\w-])"
    r"|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"
)
SECRET_STARTS = ("AKIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "sk-", "xox", "AIza", "-----BEGIN")
# an address of an office is no person's: one of these words as a part of it, or begins a part …
_OFFICE_PARTS = (
    "abuse|account|admin|billing|care|cancel|compliance|copyright|customer|data|disclosure|dmca|"
    "dpo|dsa?r|enterprise|editor|feedback|hello|help|info|inquir|enquir|investor|ir|licens|mail|"
    "marketing|media|news|no-?reply|notice|office|order|partner|policy|post|pr|press|refund|rights|"
    "sales|safety|security|subpoena|team|terms|trademark|rep|representative|unsubscribe|webmaster|"
    "complaint|arbitration|report|return|user|you"
)
# … or one of these anywhere, also in French, German and Spanish
_OFFICE_WORDS = (
    "privacy|opt-?out|agent|dispute|requisition|commercial|contact|kontakt|legal|juridi|support|"
    "service|gdpr|rgpd|dsgvo|datenschutz|impressum|payment|paiement|zahlung|pagos|reclam|soporte"
)
_OFFICE = re.compile(
    rf"(?i).*(?:{_OFFICE_WORDS}).*|(?:.*[._+-])?(?:{_OFFICE_PARTS})s?\w*(?:[._+-].*)?"
)
_EXAMPLE = re.compile(r"(?i)@(?:[\w-]+\.)*example\.|@(?:test|localhost|domain|email)\.")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999
_CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100-2015


def resident_id(text: str) -> bool:
    """A Chinese resident id of 18 characters: a date inside and MOD 11-2 (GB 11643-1999)."""
    month, day = int(text[10:12]), int(text[12:14])
    if not (1 <= month <= 12 and 1 <= day <= 31 and 1900 <= int(text[6:10]) <= 2100):
        return False
    total = sum(int(c) * w for c, w in zip(text, _WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == text[17].upper()


def luhn(digits: str) -> bool:
    """The check digit of a bank card (ISO/IEC 7812-1)."""
    total = 0
    for i, c in enumerate(reversed(digits)):
        d = int(c) * (1 + i % 2)
        total += d - 9 if d > 9 else d
    return total % 10 == 0


def social_credit(code: str) -> bool:
    """A Chinese company's unified social credit code: MOD 31 (GB 32100-2015)."""
    total = sum(_CODE.index(c) * pow(3, i, 31) for i, c in enumerate(code[:17]))
    return _CODE[(31 - total % 31) % 31] == code[17]


def _card(found: str) -> bool:
    digits = re.sub(r"\D", "", found)
    issuers = re.match(r"62|4|5[1-5]|2[2-7]|3[47]|35|6011|65", digits)
    return bool(issuers) and 16 <= len(digits) <= 19 and len(set(digits)) > 2 and luhn(digits)


def _address(found: str) -> bool:
    octets = [int(o) for o in found.split(".")]
    # 1.2.10.4 is a clause or a version; local and documentation ranges are nobody's
    local = octets[0] in (0, 10, 127, 255) or octets[:2] in ([192, 168], [192, 0], [203, 0])
    return max(octets) <= 255 and sum(o >= 20 for o in octets) >= 2 and not local


def kinds_of(text: str, n_digits: int, has_at: bool) -> list[str]:
    """The kinds of personal data and secrets in a text; `company_code` is no person's.

    Args:
        text: to look through.
        n_digits: how many digits it has: without enough of them there is nothing to look for.
        has_at: whether it has an @.
    """
    found = []
    if n_digits >= 11:
        ids = [m for m in _ID.findall(text) if resident_id(m)]
        found += ["resident_id"] * bool(ids)
        chinese = any("\u4e00" <= c <= "\u9fff" for c in text)
        if any(chinese or "86" in m[:3] for m in _MOBILE.findall(text)):
            found.append("mobile")
        if any(_card(m) for m in _CARD.findall(text) if m not in ids):
            found.append("bank_card")
    if n_digits >= 8 and any(
        social_credit(m) for m in _COMPANY.findall(text) if not _ID.fullmatch(m)
    ):
        found.append("company_code")
    if n_digits >= 4:
        found += ["ip"] * any(_address(m) for m in _IP.findall(text))
        found += ["social_security"] * bool(_SSN.search(text))
    if _NEAR_WORDS.search(text):
        found += [kind for kind, pattern in _NEAR.items() if pattern.search(text)]
    if has_at and any(
        not _OFFICE.fullmatch(m[1]) and not _EXAMPLE.search(m[0]) for m in _EMAIL.finditer(text)
    ):
        found.append("email")
    if any(start in text for start in SECRET_STARTS) and _SECRET.search(text):
        found.append("secret")
    return found
