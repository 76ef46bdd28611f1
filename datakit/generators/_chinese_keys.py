"""Which Chinese terms say what a passage is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from datakit.generators._chinese import Chunk, Token, chunks, join
from datakit.generators._words import word_set

# too common to be a term alone
PLAIN = word_set(
    """
    方式 功能 服务 信息 规则 错误 效果 合作 关联 发展 时机 建设 当中 美国 国内 民营 产品 技术
    企业 公司公告 需求 价格 业绩 用户 个人信息 内容 概要 平台 系统 手段 措施 目的 流程 处理 数据
    标准 质量 产业 时间 数量 部分 同比 环比 整体 区域 地区 国家 中国
    """
)
# what every law, policy or report has, and so tells no passage from another
COMMON = word_set(
    """
    人民代表大会 发展计划 人民政府 政府 部门 主管 主管部门 行政部门 行政 机关 机构 单位 个人
    人员 组织 本市 本省 行政区域 县级 市 区 县 省 法律 法规 法律法规 例外 例外情况 授权 方式
    任何 规章 条例 规定 办法 责任 法律责任 刑事责任 国家 社会 工作 管理 监督 监督管理 实际 情况
    有关 相关 应当 信息 个人信息 用户 服务 产品 功能 平台 软件 隐私 政策 隐私政策 协议 内容 目的
    范围 第三方 公司 数据 行业 板块 市场 企业 项目 业务 领域 方面 时间 标准 能力 水平 建设 发展
    需求 影响 事项 条件 程序 原则 制度 措施 活动 行为 国务院 自治区 直辖市 人民法院 当事人
    负责人 职责 权利 义务 名称 要求 结果 方案 资料 资金 机制 体系 工作人员 用户协议 服务协议
    隐私权 声明 指引 客户 业绩 投资 经济 国民经济 之日 之日起 总则 附则 消费者 关联方 主体 部分
    分析 情形 风险 估值 收入 利润
    """
)
# nouns that do not say what a query is about: "the industry", "net profit", "the same period"
UNTELLING = word_set(
    """
    行业 板块 公司 企业 产品 销售 综合 平均 季度 中国 全球 国内 全国 世界 海外 国外 市场 客户
    因素 方法 方式 内容 整体 总体 年度 目标 项目 业务 主营 上市 上市公司 同比 环比 股东 母公司
    归母 归属于 管理 期间 收入 营收 营业收入 利润 净利润 毛利率 净利率 费用率 费用 销售费用
    管理费用 财务费用 研发费用 规模 占比 增速 产量 销量 价格 均价 库存 产能 渗透率 市占率 份额
    市场份额 出货量 中位数 业绩 需求 供给 供应 去年同期 同期 水平 持平 估值 指数 涨幅 跌幅 区间
    数量 亮点 机会 风险 趋势 影响 变化 情况 问题 领域 环节 产业 产业链 时间 阶段 能力 空间 比例 单位
    部门 机构 行政 司法机构 相关 主要 扣非 经营 营业 总额 总量 增长 下降 提升 上涨 下滑 中期 长期
    短期 下半年 上半年 全年 年末 期末 人民币 美元 一季度 二季度 三季度 四季度 单季度 结果 数据
    报告 图表 分析 预测 判断 结论 逻辑 建议 评级 标的 个股 龙头 信息 用户 服务 功能 平台
    """
)


def _worth(chunk: Chunk, weights: Mapping[str, float]) -> float:
    total = 0.0
    for token in chunk.words:
        if len(token.word) > 1:
            total += weights.get(token.word, 0.0) * (1.0 if token.is_noun else 0.6)
    nouns = sum(token.is_noun for token in chunk.words)
    return total * (0.3 if not nouns else 0.7 if len(chunk.text) < 3 else 1.0)


def is_telling(found: Sequence[Chunk]) -> bool:
    """Whether a query holds a noun that says what it is about."""
    tokens = [token for chunk in found for token in chunk.words]
    return any(
        token.is_noun and len(token.word) > 1 and token.word not in UNTELLING | PLAIN
        for token in tokens
    )


_NOT_TELLING = COMMON | PLAIN | UNTELLING
_TERM = (4, 12)  # characters of a term that says something by itself


def key_terms(
    sentences: Sequence[str], weights: Mapping[str, float], taken: Iterable[str], n: int
) -> list[str]:
    """The n best terms of a passage: compounds of nouns that come again.

    Args:
        sentences: of the passage.
        weights: weight of each word.
        taken: words that the query names already.
        n: terms at most.
    """
    whole = "\n".join(sentences)
    scores: dict[str, float] = {}
    held: dict[str, tuple[Token, ...]] = {}
    for row, sentence in enumerate(sentences):
        early = 1.4 if row == 0 else 1.2 if row == 1 else 1.0
        for chunk in chunks(sentence):
            for term in _terms_in(chunk, whole):
                scores[term.text] = scores.get(term.text, 0.0) + early * _worth(term, weights)
                held[term.text] = term.words
    picked: list[str] = []
    blocked = set(taken)
    for text in sorted(scores, key=lambda text: (-scores[text], text)):
        if len(picked) == n:
            break
        words = {token.word for token in held[text]}
        if words - blocked - _NOT_TELLING and not any(text in one for one in picked):
            picked.append(text)
            blocked |= words
    return picked


_NO_TERM_END = re.compile(
    r"未|不得|应当|[时后前内中上下等者人]$|(?:部门|政府|机构|机关|单位|人员|中心|供应商|提供商|员工"
    r"|过程|境内"
    r"|地区|公司|合作伙伴|技术|行业|市场|板块|产业)$"
)
_NO_TERM = word_set(
    """
    会同 主管 由市 指导 归 确保 步入 充分 申请 利用 重塑 引导 全省 全市 同级 及其 相应 处理 规定
    无法 不足 核心 重要 主要 重大 责令 限期 变动 投保 采取 办理 罚款 违法所得 人民政府 主管部门
    有权 主张 我行 中华人民共和国 国务院 办公厅 中国共产党 英寸 社会公告
    """
)


_PERIOD = re.compile(r"20\d\d|\d*[QH]\d")


def _terms_in(chunk: Chunk, whole: str) -> Iterator[Chunk]:
    """The runs of nouns of a chunk that come again, each as long as it comes again."""
    words = chunk.words
    fits = [_may_be_inside(token) for token in words]
    for i in range(len(words)):
        text = ""
        for j in range(i + 1, len(words) + 1):
            if not fits[j - 1]:
                break
            text = join((text, words[j - 1].word))
            if len(text) > _TERM[1]:
                break
            count = whole.count(text) if len(text) >= _TERM[0] else 0
            if count < 2:
                if len(text) >= _TERM[0]:
                    break  # nor does a longer run come again
                continue
            before = words[i - 1].word if i else ""
            after = words[j].word if j < len(words) else ""
            cut = (before and whole.count(before + text) == count) or (
                after and whole.count(text + after) == count
            )
            if not cut and _is_term(words[i:j], text):
                yield Chunk(words[i:j], chunk.end)


def _may_be_inside(token: Token) -> bool:
    return token.is_noun and token.tag[0] not in "lis" and token.word not in _NO_TERM


def _is_term(words: Sequence[Token], text: str) -> bool:
    """Whether a run of nouns is a compound that people would look up."""
    if (
        re.match(r"行业|领先|最|得", text)
        or _NO_TERM_END.search(text)
        or _PERIOD.match(text)
        or (text.isascii() and text.isalpha() and not text.isupper())
    ):
        return False
    telling = any(len(t.word) > 1 and t.word not in _NOT_TELLING for t in words)
    return telling and (len(words) > 1 or len(text) > 4)
