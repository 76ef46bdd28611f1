"""Which industry a Chinese text is about: Shenwan's first level of 2021 and two market subjects.

The surest source first: a title that names its industry (煤炭行业周报), the label on a
report's front (电子|证券研究报告), a title with a product of an industry (锂矿), the text. Of two
names in a title the first counts. A title whose word the text never takes up is a figure of
speech (AI时代的石油).

Names and products: Shenwan industry classification 2021, levels 1 to 3, with the short forms that
report titles use.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

SUBJECTS = frozenset(("宏观经济", "投资策略"))  # any long text has their words

# names that a title or a label uses for the whole industry
_NAMES = {
    "电子": "通信电子|电子元器件|电子设备|半导体设备|电子元件|消费电子|电子行业|电子|半导体"
        "|光学光电子|集成电路|TMT",
    "医药生物": "医药生物|生物医药|医药健康|医药保健|医疗保健|大健康|医疗健康|医药|医疗器械"
        "|医疗服务|生物制品|化学制药|中药|兽药|零售药店|医药零售",
    "计算机": "计算机|软件开发|软件|信息技术|IT服务|人工智能|云计算|网络安全|信创|数据中心",
    "通信": "通信设备|通信服务|通信|光通信|运营商",
    "传媒": "文化传媒|传媒互联网|传媒|游戏|互联网|影视|出版|广告营销",
    "银行": "银行",
    "非银金融": "非银金融|非银|证券|券商|保险|多元金融|信托|期货|金融科技|融资租赁|保理|REITs"
        "|稳定币|大金融|金融行业",
    "房地产": "房地产|地产|物业管理|物业|楼市",
    "汽车": "汽车零部件|汽车|乘用车|商用车|新能源车|智能汽车|摩托车|两轮车",
    "电力设备": "电力设备及新能源|电力设备与新能源|电力设备|电气设备|电新|新能源|光伏|风电|储能"
        "|锂电|固态电池|电池|电网设备|电网|氢能|工控",
    "机械设备": "机械设备|机械|工程机械|专用设备|通用设备|自动化设备|智能制造|高端装备"
        "|人形机器人|机器人|机床|轨交设备",
    "国防军工": "国防军工|航空发动机|军工电子|军工|航空航天|商业航天|低空经济|航天|卫星产业"
        "|船舶制造",
    "食品饮料": "食品饮料|食饮|食品|饮料|白酒|啤酒|乳制品|乳业|调味品|休闲食品|零食|餐饮供应链",
    "家用电器": "家用电器|家电|白电|黑电|小家电|厨电",
    "纺织服饰": "纺织服装|纺织服饰|纺服|服装|服饰|纺织|家纺|珠宝首饰|珠宝",
    "轻工制造": "轻工制造|轻工|造纸|家居|包装|文具|纸业",
    "商贸零售": "商贸零售|商业贸易|商贸|商社|零售|电商|电子商务|跨境电商|新消费|大消费|耐用消费"
        "|免税|贸易|超市|百货",
    "社会服务": "社会服务|社服|消费者服务|旅游|酒店|餐饮|教育|人力资源|景区",
    "美容护理": "美容护理|美护|化妆品|医美|医疗美容|个护|美妆",
    "农林牧渔": "农林牧渔|农业|养殖|生猪|畜禽|种业|种植|饲料|宠物|农产品",
    "基础化工": "基础化工|化学制品|化学原料|化工新材料|化工|农化|化肥|农药|新材料",
    "石油石化": "石油石化|石化化工|石油化工|石化|石油|油气|原油|炼化|油服|天然气",
    "煤炭": "煤炭开采|煤炭|动力煤|焦煤|焦炭",
    "钢铁": "黑色金属|钢铁|钢材|特钢|铁矿石|铁矿",
    "有色金属": "有色金属|有色|贵金属|工业金属|小金属|能源金属|稀土|锂矿",
    "建筑材料": "建筑材料|建材|水泥|玻璃玻纤|玻纤|玻璃|防水材料",
    "建筑装饰": "建筑装饰|建筑工程|建筑|建筑业|基建|工程咨询|工程建设",
    "交通运输": "交通运输|交运物流|交运|物流|快递|航运|航空机场|机场|港口|高速公路|铁路|公路",
    "公用事业": "公用事业|公共事业|公用|电力|燃气|水务|火电|水电|核电",
    "环保": "环境保护|环保|固废|环境治理|双碳|碳中和|碳市场|ESG",
    "宏观经济": "宏观经济|宏观|货币政策|财政政策|经济数据",
    "投资策略": "投资策略|A股策略|A 股|策略周报|市场策略|A股|公募基金|基金重仓|资产配置|择时"
        "|大盘",
}  # fmt: skip

# words that tell an industry without naming it
_WORDS = {
    "电子": "芯片|面板|被动元件|无源元件|元器件|LED|LCD|OLED|MLCC|PCB|晶圆|封测|先进封装"
        "|存储|存力|DRAM|HBM|光刻|功率器件|模拟IC|手机|可穿戴|AI眼镜|XR|VR|AR|基板"
        "|覆铜板|传感器|相机|果链|苹果链|光学|CIS|GPU",
    "医药生物": "医疗|生物科技|生物类似物|创新药|仿制药|原料药|疫苗|药店|药房|药企|CXO|CRO|CDMO"
        "|CMO|血制品|血液制品|集采|核药|眼科|口腔|齿科|肿瘤|糖尿病|抗体|诊断|IVD|药物"
        "|药品|新药|减重|GLP-1|ADC|PD-1|双抗|流行病|病毒|疾病|患者|临床|手术|医保|医院"
        "|中医|康复|制药|脑机接口|基因|细胞治疗|大分子|小分子|内窥镜|骨科|靶点|医生",
    "计算机": "AI|大模型|AI Agent|AIAgent|智能体|算力|SaaS|鸿蒙|金融IT|数据要素|数字经济"
        "|数字化转型|信息安全|数据库|DeepSeek|OpenAI|Token|生成式|AIGC|AI应用|数据安全"
        "|智慧城市|操作系统|云安全|云服务|量子计算|数智",
    "通信": "5G|6G|光模块|物联网|卫星互联网|光纤|CPO|交换机|基站|光缆|电信|宽带",
    "传媒": "短视频|直播|手游|电影|票房|综艺|演出|票务|剧集|短剧|漫剧|网文|IP运营|社交媒体"
        "|内容营销|潮玩|AI视频",
    "银行": "息差|信贷|存款|贷款利率|不良贷款|商业银行|理财子|LPR",
    "非银金融": "险资|寿险|财险|险企|投行|两融|证券行业|小额贷款|支付|消费金融|基金公司"
        "|公募REITs|金融控股",
    "房地产": "房企|住宅|商品房|土拍|租赁市场|写字楼|存量房|新房|二手房|商业地产|保障房"
        "|城市更新|住房",
    "汽车": "新能源汽车|整车|智能驾驶|智驾|自动驾驶|零部件|重卡|客车|Robotaxi|车企|电车"
        "|电动车|无人车|线控|特斯拉|充电桩|电动出行|车市|车载|轮胎",
    "电力设备": "电缆|输电|输变电|配电|变电站|核聚变|开关柜|硅料|锂电池|逆变器"
        "|组件价格|变压器|燃料电池|钠电|电机|光储|海风|充放电|特高压|阀控",
    "机械设备": "挖机|挖掘机|激光设备|减速器|丝杠|注塑机|农机|工业母机|叉车|3D打印|锅炉|阀门"
        "|伺服|泵|半导体设备|具身智能|工业互联网|检测服务|仪器仪表|Optimus|传动|机械臂",
    "国防军工": "航空装备|无人机|导弹|战斗机|大飞机|舰船|卫星|火箭|eVTOL|飞行汽车|北斗"
        "|新质战斗力",
    "食品饮料": "茅台|葡萄酒|黄酒|软饮|预制菜|烘焙|卤制品|食用油|酱酒|咖啡|茶饮|速冻|保健品"
        "|功能食品",
    "家用电器": "空调|冰箱|洗衣机|扫地机|电视|热水器|厨房|照明",
    "纺织服饰": "运动鞋|运动品牌|鞋履|棉价|面料|羽绒服|户外品牌|时尚|奢侈品|饰品|职业装|金饰",
    "轻工制造": "包装印刷|浆价|木浆|家具|卫浴|床垫|文创|玩具|眼镜|烟草|电子烟|纸价|印刷",
    "商贸零售": "社零|消费品零售|线下渠道|购物|天猫|618|双11|双十一|出海品牌|即时零售|便利店"
        "|品牌出海|外贸|商超|折扣店|跨境|卖家",
    "社会服务": "旅行|出行人次|免税店|民宿|K12|职业教育|博彩|会展|体育|文旅|冰雪|出境游|酒旅"
        "|客流",
    "美容护理": "护肤|彩妆|珀莱雅|玻尿酸|胶原蛋白|肉毒|洗护|卫生巾|纸尿裤|香氛",
    "农林牧渔": "玉米|大豆|小麦|稻米|水稻|猪价|鸡苗|白羽鸡|肉鸡|蛋鸡|水产|仔猪|牛肉|粮食|菜籽"
        "|种子|动物保健|动保|棉花|糖价|苹果价格|苗木|花卉|茶叶|果蔬|乡村",
    "基础化工": "聚氨酯|制冷剂|氟化工|磷化工|钛白粉|MDI|维生素|纯碱|尿素|有机硅|长丝|涤纶"
        "|草甘膦|炭黑|改性塑料|香料|颜料|涂料|胶粘剂|碳纤维|PVC|环氧丙烷|己内酰胺"
        "|生物基|合成生物",
    "石油石化": "油价|OPEC|布油|WTI|成品油|LNG|页岩|加油站|中国石油|中国海油|霍尔木兹",
    "煤炭": "煤价|煤企|煤矿|原煤|电煤|煤化工|焦化",
    "钢铁": "钢价|螺纹|热卷|钢厂|粗钢|生铁|铁水|冷轧|高炉",
    "有色金属": "黄金|金价|铜价|铝业|铝价|电解铝|氧化铝|钨|锑|锡价|镍价|钴|碳酸锂|金属新材料"
        "|白银|铜矿|金矿|铜|铝|磁材",
    "建筑材料": "管材|瓷砖|石膏板|混凝土|光伏玻璃|骨料|砂石",
    "建筑装饰": "装配式|基础设施|一带一路|装修|钢结构|设计院|专项债|园林|施工|洁净室|化债|市政",
    "交通运输": "航空公司|航空|集运|干散货|油运|BDI|SCFI|运价|快运|即时配送|网约车|民航|货运"
        "|客运|航班|仓储|冷链|供应链物流",
    "公用事业": "绿电|电价|电力市场|用电量|供热|发电量|电改|燃气轮机|水价|抽水蓄能|电力现货"
        "|来水",
    "环保": "污水|垃圾焚烧|再生资源|碳排放|危废|碳交易|CCER|减排|节能|绿色转型|气候"
        "|可持续发展|生物柴油|环卫|碳足迹",
    "宏观经济": "GDP|通胀|CPI|PPI|PMI|降准|降息|加息|美联储|关税|汇率|出口数据|社融|非农|特朗普"
        "|财政|赤字|人民币|国债|美债|就业",
    "投资策略": "沪指|策略观点|北向资金|牛市|熊市|配置主线|行情展望|抄底|反弹|仓位|主力资金"
        "|大宗商品配置|股市|题材|游资",
}  # fmt: skip

# figures of speech and what stands on every report
_NOTHING = (
    "黄金赛道|黄金周|黄金时代|黄金期|黄金十年|证券研究报告|证券研究|电子邮件|电子版|电子邮箱"
    "|交通银行|投资策略会"
)

# name an industry in a title; in a text they are as often a use or a customer
_TITLE_WORDS = ("电力", "公用", "建筑", "包装", "互联网")

_LABELLED = re.compile(
    r"(?:行业分类[：:]|所属行业[：:]|所处行业[：:]|申万行业[：:]|industryId[＃#]|Title2\]|[●|｜])\s*"
    r"(?:行业[：:])?\s*(?P<after>[\u4e00-\u9fffA-Z]{2,12})"
    r"|(?P<before>[\u4e00-\u9fffA-Z]{2,10}?)(?:行业)?\s?(?:[|｜]\s?证券研究报告"
    r"|(?=(?:推荐|买入|增持|强于大市|优于大市|领先大市|看好|超配)[\s(（]?维持)"
    r"|(?=(?:推荐|强于大市)\s?维持评级))"
)
LABEL_CHARS = 2_500  # the front page, where a report says what it covers

# divisions of GB/T 4754-2017, as the securities regulator assigns them to listed companies
_DIVISIONS = {
    "A": "农林牧渔", "B06": "煤炭", "B07": "石油石化", "B08": "钢铁", "B09": "有色金属",
    "C13": "农林牧渔", "C14": "食品饮料", "C15": "食品饮料", "C17": "纺织服饰", "C18": "纺织服饰",
    "C19": "纺织服饰", "C20": "轻工制造", "C21": "轻工制造", "C22": "轻工制造", "C23": "轻工制造",
    "C24": "轻工制造", "C25": "石油石化", "C26": "基础化工", "C27": "医药生物", "C28": "基础化工",
    "C29": "基础化工", "C30": "建筑材料", "C31": "钢铁", "C32": "有色金属", "C33": "机械设备",
    "C34": "机械设备", "C35": "机械设备", "C36": "汽车", "C37": "国防军工", "C38": "电力设备",
    "C39": "电子", "C40": "机械设备", "C42": "环保", "D": "公用事业", "E": "建筑装饰",
    "F": "商贸零售", "G": "交通运输", "H": "社会服务", "I63": "通信", "I64": "传媒",
    "I65": "计算机", "J66": "银行", "J67": "非银金融", "J68": "非银金融", "J69": "非银金融",
    "K": "房地产", "N": "环保", "P": "社会服务", "Q": "医药生物", "R": "传媒",
}  # fmt: skip
_DIVISION = re.compile(r"(?:行业|属于|归属|分类)[^。\n]{0,60}?([A-R]\d\d)(?!\d)")


def _owners() -> dict[str, str]:
    return {
        word.casefold(): name
        for table in (_WORDS, _NAMES, {"": _NOTHING})
        for name, line in table.items()
        for word in line.split("|")
    }


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """One pattern for many words, the longest first; Latin words stand between other characters.

    Grouped by first character behind a look at it, which is ten times as fast on a long text.
    """
    groups: dict[str, list[str]] = {}
    for word in sorted(words, key=lambda w: (-len(w), w)):
        latin = word.isascii()
        rest = re.escape(word[1:]) + ("(?![A-Za-z])" if latin else "")
        groups.setdefault(("(?<![A-Za-z])" if latin else "") + re.escape(word[0]), []).append(rest)
    heads = "".join(sorted({key[-1] for key in groups}))
    branches = "|".join(f"{head}(?:{'|'.join(tails)})" for head, tails in groups.items())
    return re.compile(f"(?=[{heads}])(?:{branches})", re.I)


_OF = _owners()
_IS_NAME = frozenset(word.casefold() for line in _NAMES.values() for word in line.split("|"))
_NAME = _any_of(_IS_NAME | frozenset(_NOTHING.split("|")))
_ANY = _any_of(_OF)
# what follows the name of the industry that a title is about
_GENRE = re.compile(
    r"(?:行业|产业|板块|设备|赛道|市场)?(?:全球|中国)?(?:&|＆|及|与|和|、|·)?(?:[\u4e00-\u9fff]{2}(?=行业|板块))?(?:[：:]|双?周|月报|季报|日报|行业|产业|板块"
    r"|点评|跟踪|研究|观察|专题|深度|策略|年报|投资|\d{4}|中期|年度|动态|快评|洞察|白皮书|发展|展望|数据)"
)
# a broker's own name says nothing of the subject
_BROKER_WORD = re.compile(r"[\u4e00-\u9fff]{2,4}(?:证券|期货|银行)(?=研究|股份|有限|[：:—-]|$)")
NAME_POINTS = 3  # of a name; 2 more where the title's genre follows, 1 where the title begins
# where a filing tells its business, its next lines
_BUSINESS = re.compile(
    r"(?:从事的主要业务|主要业务情况|所从事的主要业务)[^\n。]{0,30}\n((?s:.{200,1200}))"
)
OWN_INDUSTRY = 2  # words that `电力设备行业` is worth
SURE = NAME_POINTS + 3
LEAST_TEXT = 1_500  # characters of a text that can contradict its title


def industry(title: str, text: str) -> str | None:
    """The industry that a report's label, else its title, its first lines or its text is about.

    Args:
        title: of the report, with its file's name.
        text: of the report, simplified Chinese.

    Returns:
        A name of Shenwan's first level, `宏观经济` or `投资策略`; None where nothing tells.
    """
    named, points = _of_title(title)
    if named and points >= SURE:  # 煤炭行业周报 is no figure of speech
        return named
    labelled = _label(text[:LABEL_CHARS])
    if labelled:
        return labelled
    if named and (named in SUBJECTS or _taken_up(named, text)):
        return named
    return _of_text(text) or named


def division_industry(text: str) -> str | None:
    """The industry of a listed company by the division that it says the regulator gave it."""
    for match in _DIVISION.finditer(text):
        code = match[1]
        found = _DIVISIONS.get(code) or _DIVISIONS.get(code[0])
        if found:
            return found
    return None


def company_industry(text: str) -> str | None:
    """The industry of a company by how it tells its business, market subjects left out."""
    told = _BUSINESS.search(text)
    for part, least in ((told[1], 3) if told else ("", 3), (text, 3 + len(text) // 2_000)):
        counts = _counts(part)
        for match in _NAME.finditer(part):
            if part.startswith(("行业", "产业"), match.end()):
                counts[_OF[match.group().casefold()]] += OWN_INDUSTRY
        for subject in SUBJECTS | {"银行", "非银金融", ""}:  # every company has accounts and shares
            counts.pop(subject, None)
        found = _clear(counts, least)
        if found:
            return found
    return None


def _label(front: str) -> str | None:
    for match in _LABELLED.finditer(front):
        label = match["after"] or match["before"]
        names = (
            _NAME.match(label)
            if match["after"]
            else next(
                (
                    name
                    for name in _NAME.finditer(label)
                    if label[name.end() :] in ("", "行业", "设备")
                ),
                None,
            )
        )
        name = _OF[names.group().casefold()] if names else ""
        if name and name not in SUBJECTS:
            return name
    return None


def _of_title(title: str) -> tuple[str | None, int]:
    title = _BROKER_WORD.sub(" ", title)
    points: Counter[str] = Counter()
    first: dict[str, int] = {}
    for match in _ANY.finditer(title):
        word = match.group().casefold()
        name = _OF[word]
        if not name:
            continue
        points[name] += _points(title, match, word)
        first.setdefault(name, match.start())
    if not points:
        return None, 0
    best = max(points, key=lambda name: (points[name], -first[name]))
    return best, points[best]


def _points(title: str, match: re.Match[str], word: str) -> int:
    if word not in _IS_NAME or _OF[word] in SUBJECTS:  # 煤炭行业投资策略 is about coal
        return 1
    return NAME_POINTS + 2 * bool(_GENRE.match(title, match.end())) + (match.start() == 0)


def _taken_up(name: str, text: str) -> bool:
    """Whether a text speaks of its title's industry at all; a short one need not."""
    return len(text) < LEAST_TEXT or _counts(text[:20_000])[name] >= 2


def _of_text(text: str) -> str | None:
    found = _clear(_counts(text[:800]), 3)
    if found:
        return found
    counts = _counts(text)
    for subject in SUBJECTS:
        counts.pop(subject, None)
    return _clear(counts, 3 + len(text) // 500)


def _counts(text: str) -> Counter[str]:
    words = Counter(match.group().casefold() for match in _ANY.finditer(text))
    for word in _TITLE_WORDS:
        words.pop(word, None)
    counts: Counter[str] = Counter()
    for word, n in words.items():
        counts[_OF[word]] += n
    counts.pop("", None)
    return counts


def _clear(counts: Counter[str], least: int) -> str | None:
    ranked = [*counts.most_common(2), ("", 0)]
    best, n = ranked[0]
    return best if n >= least and n > ranked[1][1] else None
