"""Traditional Chinese read with patterns that are written in simplified characters.

Only the characters that the patterns of this package use, one for one, so that an offset into the
one is an offset into the other. For looking, never for storing.
"""

from __future__ import annotations

_TRADITIONAL = (
    "萬與專業東絲兩個豐臨爲義鄉書買於雲產億僅從倉儀們價優會傳體債儲關興茲養獸內寫軍農凍淨準減創別劑劇務動區醫華協賣佔滷衛廠壓廚參雙發變臺葉號後噸吳員諮園國圖圓場塊墊"
    "聲處備復頭妝學寶實寵寬對導壽將爾屬巖幣師帶幹廣牀庫應廢開彈強歸錄態恆戲戰戶託掃護報擔擬擇換據數鬥斷無時顯術機權槓條來構標樁檢樓歐氣氫匯滬潔漿測濟塗滌漁遊爐點煉煙"
    "燒熱愛豬貓環現電療盤礦磚礎鹼種稱稅窺築簡類粵糧紅纖約級紀純綸紙紋紡線組細織紹經絨結繪絡統續維綜綠纜編網職聯膚腫脹膠腦腳艦藝節蘋薦藥萊營裝褲見觀視計訂議訊許設證評"
    "診詢語說請諾讀調謹財責貨質購貴貸貿費賃資賽蹤車軋軌轉輪軟輕載較輯輸達運進跡遞邏郵醬採鈦鈉鋼鎢鈷鐵銅鋁銀鏈銷鋰鍋銻錫鎳鏡長門閒間閥閱際險頁項預領頻題顏額風飛飲飾飼"
    "駛駕雞鴻麥黃齒龍佈註複覆髮乾麵製週檯産説録為汙証査係繫"
)
_SIMPLIFIED = (
    "万与专业东丝两个丰临为义乡书买于云产亿仅从仓仪们价优会传体债储关兴兹养兽内写军农冻净准减创别剂剧务动区医华协卖占卤卫厂压厨参双发变台叶号后吨吴员咨园国图圆场块垫"
    "声处备复头妆学宝实宠宽对导寿将尔属岩币师带干广床库应废开弹强归录态恒戏战户托扫护报担拟择换据数斗断无时显术机权杠条来构标桩检楼欧气氢汇沪洁浆测济涂涤渔游炉点炼烟"
    "烧热爱猪猫环现电疗盘矿砖础碱种称税窥筑简类粤粮红纤约级纪纯纶纸纹纺线组细织绍经绒结绘络统续维综绿缆编网职联肤肿胀胶脑脚舰艺节苹荐药莱营装裤见观视计订议讯许设证评"
    "诊询语说请诺读调谨财责货质购贵贷贸费赁资赛踪车轧轨转轮软轻载较辑输达运进迹递逻邮酱采钛钠钢钨钴铁铜铝银链销锂锅锑锡镍镜长门闲间阀阅际险页项预领频题颜额风飞饮饰饲"
    "驶驾鸡鸿麦黄齿龙布注复复发干面制周台产说录为污证查系系"
)
_TABLE = str.maketrans(_TRADITIONAL, _SIMPLIFIED)


def simplified(text: str) -> str:
    """The text with those characters simplified; as long as it was."""
    return text.translate(_TABLE)
