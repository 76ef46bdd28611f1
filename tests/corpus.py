"""A small corpus of our own for tests of the whole: Markdown in English and Chinese."""

from __future__ import annotations

from pathlib import Path

SERVICES = {
    "Alder Drive": ("cloud storage", "5 GB", "30 days", "12 months", "$9.99"),
    "Birch Vault": ("cloud storage", "10 GB", "45 days", "6 months", "$7.50"),
    "Cedar Play": ("video streaming", "4 screens", "14 days", "24 months", "$12.00"),
    "Dogwood TV": ("video streaming", "2 screens", "7 days", "18 months", "$8.25"),
}
FIRMS = {
    "青松汽车": ("新能源汽车", "2024-02-12", "12.4万辆", "35%", "固态电池"),
    "白桦动力": ("新能源汽车", "2024-03-05", "8.1万辆", "18%", "快充网络"),
    "红杉芯片": ("半导体", "2024-02-20", "3.2亿颗", "22%", "先进封装"),
    "银杏微电": ("半导体", "2024-03-18", "1.7亿颗", "9%", "车规芯片"),
}


def write_corpus(folder: Path) -> Path:
    """Four terms pages and four research notes; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, facts in SERVICES.items():
        (folder / f"{name}.md").write_text(_terms(name, *facts), "utf-8")
    for name, facts in FIRMS.items():
        (folder / f"{name}.md").write_text(_note(name, *facts), "utf-8")
    return folder


def _terms(name: str, kind: str, quota: str, notice: str, kept: str, price: str) -> str:
    return f"""---
title: {name} Terms of Service
issuer: {name}
category: {kind}
date: 2024-01-15
---
# {name} Terms of Service

## Subscription fees and renewal

A paid {name} plan costs {price} a month and includes {quota}. The subscription renews
automatically at the end of every billing period unless the customer cancels it in the account
settings at least one day before renewal. Price changes are announced by e-mail {notice} before
they take effect, and a customer who does not agree may cancel without a fee until that date.

## Cancellation and refunds

A customer may cancel at any time. {name} refunds the unused part of a yearly plan when the
cancellation is made within {notice} of the payment; monthly plans are not refunded. Refunds are
paid to the original payment method within ten business days after the request was confirmed.

## Data retention after termination

After an account is closed, {name} keeps billing records for {kept} to meet accounting
obligations. “Customer Content” means any file, message or recording that a user uploads to the
service. Customer Content is deleted from active systems {notice} after termination and from
backups within ninety further days.

## Limitation of liability

The liability of {name} for all claims under these terms is limited to the fees paid in the
{kept} before the event. Nothing in these terms limits liability for intent or gross negligence.
"""


def _note(name: str, industry: str, date: str, volume: str, growth: str, topic: str) -> str:
    return f"""---
title: {name}深度报告：{topic}打开成长空间
issuer: {name}
category: {industry}
date: {date}
language: zh
---
# {name}深度报告：{topic}打开成长空间

## 一、一季度经营情况

{name}2024年一季度销量达到{volume}，同比增长{growth}。公司表示，增长主要来自新产品放量和海外渠道扩张。
管理层预计二季度需求继续改善，全年销量目标维持不变。毛利率受原材料价格下降影响有所提升。

## 二、{topic}业务进展

{topic}是指公司在{industry}领域重点投入的新业务方向。公司计划在2024年底前完成两条产线的建设，
总投资约18亿元。我们认为，该业务有望在2025年贡献收入的{growth}，成为第二增长曲线。

## 三、行业竞争格局

{industry}行业集中度持续提升，前五家企业的市场份额超过六成。价格竞争仍然激烈，具备成本优势和技术储备的企业
将获得更大份额。政策方面，补贴退坡对龙头企业影响有限。

## 四、投资建议与风险

我们维持对{name}的买入评级，目标价对应2024年25倍市盈率。主要风险包括原材料价格上涨、行业需求不及预期、
{topic}项目进度低于预期。
"""
