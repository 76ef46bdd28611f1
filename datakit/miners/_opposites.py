"""Words that turn a statement round: two texts that differ in one of them are no copies."""

from __future__ import annotations

from datakit.miners._mutations_english import DIRECTIONS, ROLES

_NEGATIONS = (
    "not no never none neither nor cannot without unless except aren couldn didn doesn "
    "don hadn hasn haven isn mustn needn shan shouldn wasn weren won wouldn"  # don't: don, t
)
_OPPOSITES = (
    "up down upward downward upwards downwards rise rises risen rising fall falls fallen falling "
    "increases increasing decreases decreasing grow grows grown growing growth decline declines "
    "declining gains gained loss losses lost profit profits profitable unprofitable high low "
    "highest lowest above below more less fewer most least maximum minimum before after over under "
    "positive negative better worse best worst strong weak stronger weaker improve improved "
    "improving improvement deteriorate deteriorated deteriorating deterioration expand expanded "
    "expansion contracted contraction accelerate accelerated accelerating slow slowed slowing long "
    "short buy buys bought sell sells sold import imports export exports include includes included "
    "including exclude excludes excluded excluding allow allows allowed permit permits permitted "
    "prohibit prohibits prohibited forbidden required optional mandatory voluntary valid invalid "
    "enable enabled disable disabled accept accepted reject rejected lawful unlawful legal illegal "
    "true false overweight underweight outperform underperform bullish bearish inflow outflow "
    "inflows outflows surplus deficit tightening easing internal external public private"
)
# who a customer is, a page says in several ways: that changes without a change of meaning
_COMMON = {"customer", "provider", "supplier"}
WORDS = tuple(sorted({*_NEGATIONS.split(), *_OPPOSITES.split(), *DIRECTIONS, *ROLES} - _COMMON))
# in scripts without spaces a unit is a character
CHARACTERS = "不无未非没勿否禁增减升降涨跌高低上下多少强弱买卖盈亏松紧快慢负甲乙"
