"""The body of a web page without its frame: menus, banners, consent boxes, hidden parts, forms.

Everything that is left out is kept count of. Where the rules would leave out most of the prose,
the largest part of what they left out is let in, until half of it is there.
"""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from datakit.ingestors import _html, _images
from datakit.ingestors._html import Element, RawBlock, ReadTable

LOW_COVERAGE = 0.5  # of the visible prose; under it the page is read with wider rules
MAX_TRIES = 6
MIN_LINES = 5  # spans, before they can be lines
MAX_SCANS = 500  # parts that are named like a menu or a consent box and looked into
FEW_CHARS = 300  # with less prose than that, a page's menus are looked at as well

# --- frame ----------------------------------------------------------

_TAGS = {
    "nav": "nav", "aside": "aside", "footer": "footer", "select": "form", "option": "form",
    "input": "form", "textarea": "form", "datalist": "form", "dialog": "dialog",
}  # fmt: skip
_ROLES = {
    "navigation": "nav", "menu": "nav", "menubar": "nav", "tablist": "nav", "toolbar": "nav",
    "banner": "header", "contentinfo": "footer", "complementary": "aside", "search": "form",
    "dialog": "dialog", "alertdialog": "dialog",
}  # fmt: skip
# the boxes of consent vendors; the cookie list that some of them write into a policy is content
_VENDOR = re.compile(
    r"onetrust-(?!.*policy)|^ot-sdk-btn|optanon|cybotcookiebot|didomi|truste[-_]|^qc-cmp|sp_message"
    r"|usercentrics|^cmpbox|osano-cm|cky-(?:consent|modal|overlay)|cc-window|iubenda-cs|axeptio"
    r"|tarteaucitron|klaro|termly-styles|borlabs|^gdpr-cookie|cookiefirst|hs-eu-cookie",
    re.I,
)
_CONSENT = re.compile(
    r"(?:cookies?|consent|gdpr|ccpa)[-_ ]?(?:law|info)?[-_ ]?(?:banner|bar|box|notice|popup"
    r"|pop-up|tips?|hint|strip|modal|message|alert|overlay|dialog|settings|preferences|prompt|wall|manager|container"
    r"|disclaimer|toast|layer|widget)|cookie-?consent|cookieconsent",
    re.I,
)
_NAV_WORDS = re.compile(
    r"(?:^|[-_ ])(?:nav|navbar|navigation|menu|submenu|breadcrumbs?|sidebar|side-?nav|toc|"
    r"table-of-contents|share|sharing|social|footer|site-?header|topbar|pagination|pager|"
    r"related|skip-?(?:link|to|nav)|lang(?:uage)?-?(?:switch\w*|select\w*|menu|picker))"
    r"(?:$|[-_ ])",
    re.I,
)
_ENDS_WORDS = re.compile(
    r"(?:^|\s)(?:(?:site|page|global|main|web)[-_]?)?(?P<end>footer|header|topbar)"
    r"(?:[-_](?:wrapper|container|inner|bar))?(?=$|\s)", re.I
)  # fmt: skip
_PANEL = re.compile(
    r"accordion|collaps|panel|faq|tab-?content|tab-?pane|expand|toggle|dropdown-content|answer|"
    r"disclosure|read-?more|clause|section|drawer-content",
    re.I,
)
_NOT_PANEL = re.compile(
    r"(?:^|[-_ ])(?:nav|menu|modal|popup|dialog|overlay|lightbox|cookie|consent|search|lang|header|"
    r"footer|sidebar|toast|tooltip|share)", re.I
)  # fmt: skip
_MODAL = re.compile(r"(?:^|[\s_-])(?:modals?|pop-?up|lightbox)(?:$|[\s_-])", re.I)
MAX_MODAL = 0.3  # of the page's letters; the body of a page can be a box as well
MAX_ID_WORDS = 4  # a longer id is made of a heading ("why-is-there-no-cookie-banner")
MAX_BANNER_CHARS = 600  # of a cookie box without a button to close it
_ICON = re.compile(r"(?:^|[\s_-])(?:material-(?:icons|symbols)\S*|google-symbols|fa-?icon)", re.I)
_SR_ONLY = re.compile(r"(?:^|[\s_-])(?:sr-only|visually-?hidden|screen-?reader)", re.I)
_NOT_COUNTED = frozenset(("nav", "footer", "consent", "dialog", "form", "ui"))


class _Named(NamedTuple):
    """What the id and the classes of an element say."""

    box: str | None  # the reason of a consent box
    sr_only: bool
    icon: bool
    nav: bool
    end: str | None  # footer or header, of the page
    panel: bool
    overlay: bool
    modal: bool


@functools.lru_cache(maxsize=8192)
def _named(id_: str, classes: str) -> _Named:
    # utility classes (`md:nav-4`, `w-[3px]`) name a look, not a part
    words = [word for word in classes.split() if not any(char in word for char in ":[@/")]
    id_ = id_ if len(re.split(r"[-_ ]", id_)) <= MAX_ID_WORDS else ""
    names = " ".join([id_, *words])
    box = "consent" if _VENDOR.search(names) else "cookie_box" if _CONSENT.search(names) else None
    end = _ENDS_WORDS.search(names)
    return _Named(
        box,
        bool(_SR_ONLY.search(names)),
        bool(_ICON.search(names)),
        bool(_NAV_WORDS.search(names)),
        ("footer" if end["end"].lower() == "footer" else "header") if end else None,
        bool(_PANEL.search(names)),
        bool(_NOT_PANEL.search(names)),
        bool(_MODAL.search(names)),
    )


_ROOTS = ("html", "body", "main")
_NO_NAME = _named("", "")
_PLAIN = _NO_NAME._replace(panel=True, overlay=True)


def _harmless(attributes: dict[str, str]) -> bool:
    """Whether nothing in the attributes of an element can be a reason to leave it out."""
    if "hidden" in attributes or "aria-hidden" in attributes:
        return False
    get = attributes.get
    if not _harmless_look(get("class", ""), get("role", ""), get("style", "")):
        return False
    id_ = get("id")
    return id_ is None or _harmless_look(id_, "", "")


@functools.lru_cache(maxsize=16384)
def _plain(tag: str, names: str) -> bool:
    """Whether an element is never left out, for its tag and its class alone."""
    if tag in _TAGS or tag in _SOME or tag == "a":
        return False
    return not names or (_html.class_level(names) == 0 and _harmless_look(names, "", ""))


@functools.lru_cache(maxsize=16384)
def _harmless_look(names: str, role: str, css: str) -> bool:
    hidden = bool(css) and _html.style_of(css).hidden
    return (
        role not in _ROLES
        and not hidden
        and _named("", names)._replace(panel=True, overlay=True) == _PLAIN
    )


@dataclass
class _Frame:
    """Decides element by element; `admitted` subtrees are content whatever they look like."""

    body: Element
    admitted: set[Element] = field(default_factory=set)
    n_scans: int = 0

    @functools.cached_property
    def controlled(self) -> frozenset[str]:
        """Ids of what a button opens and shuts."""
        return frozenset(" ".join(self.body.xpath(".//@aria-controls")).split())

    @functools.cached_property
    def n_letters(self) -> int:
        """Of the whole page."""
        return _n_letters(self.body)

    def __call__(self, element: Element, tag: str, attributes: dict[str, str]) -> str | None:
        reason = None
        if attributes and tag not in _ROOTS and not _harmless(attributes):
            reason = self._by_attributes(element, attributes)
        if reason is None:
            reason = _TAGS.get(tag)
        if reason is None and tag in _SOME:
            reason = _SOME[tag](element, attributes)
        return None if reason is None or element in self.admitted else reason

    def _by_attributes(self, element: Element, attributes: dict[str, str]) -> str | None:
        named = _named(attributes.get("id", ""), attributes.get("class", ""))
        if element.tag in _html.HEADINGS or (named.box and _in_sentence(element)):
            named = _NO_NAME
        if named.box and self._is_box(element, named.box):
            return named.box
        if named.modal and self._is_modal(element):
            return "dialog"
        role = _ROLES.get(attributes.get("role", ""))
        if role:
            return role
        if named.sr_only and len(element) == 0 and len(element.text or "") < 80:
            return None if element.tag in ("h1", "h2") else "ui"
        if named.icon and len(element) == 0:
            return "ui"
        if named.nav and self._mostly_links(element):
            return "nav"
        if named.end and self._is_end(element):
            return named.end
        return "hidden" if self._hidden(attributes, named) else None

    def _hidden(self, attributes: dict[str, str], named: _Named) -> bool:
        css = attributes.get("style")
        shut = (
            attributes.get("hidden", "until-found") != "until-found"
            or attributes.get("aria-hidden") == "true"
            or (css is not None and _html.style_of(css).hidden)
        )
        if not shut:
            return False
        if named.overlay:
            return True
        panel = (
            attributes.get("role") in ("region", "tabpanel")
            or "aria-labelledby" in attributes
            or named.panel
            or ("id" in attributes and attributes["id"] in self.controlled)
        )
        return not panel

    def _is_box(self, element: Element, reason: str) -> bool:
        """Whether what is named like a consent box is one, not a section about cookies."""
        if self._holds_body(element):
            return False
        controls = next(element.iter("button", "input"), None) is not None
        return reason == "consent" or controls or _n_letters(element) <= MAX_BANNER_CHARS

    def _is_modal(self, element: Element) -> bool:
        self.n_scans += 1
        return (
            self.n_scans <= MAX_SCANS
            and element.tag in _html.BLOCKS  # a link may be named after the box that it opens
            and next(element.iter("main", "article"), None) is None
            and _n_letters(element) <= MAX_MODAL * self.n_letters
        )

    def _mostly_links(self, element: Element) -> bool:
        """Whether a part that is named like a menu is one."""
        if self._holds_body(element) or next(element.iter("a"), None) is None:
            return False
        linked = _letters_in("".join(map(_html.string_of, element.iter("a"))))
        return linked > 0.6 * _n_letters(element)

    def _is_end(self, element: Element) -> bool:
        """Whether a division that is called header or footer stands at an end of the page."""
        if next(element.iterancestors("main", "article", "section"), None) is not None:
            return False
        return not self._holds_body(element) and next(element.iter("a"), None) is not None

    def _holds_body(self, element: Element) -> bool:
        """Whether a part holds the page's body; the count bounds what hostile nesting costs."""
        self.n_scans += 1
        return (
            self.n_scans > MAX_SCANS
            or next(element.iter("main", "article", "h1"), None) is not None
        )


def _n_letters(element: Element) -> int:
    """Characters without blanks and the bars that menus are divided by."""
    return _letters_in(_html.string_of(element))


def _letters_in(text: str) -> int:
    return len(text) - sum(map(text.count, " \t\r\n\u00a0|"))


_HEADS = ("h1", "h2", "h3", "h4", "h5", "h6", "summary", "dt")


def _in_sentence(element: Element) -> bool:
    """Whether an element stands in running text: a link that opens the settings for cookies."""
    if element.tag in _html.BLOCKS and element.tag != "button":
        return False
    parent = element.getparent()
    around = [element.tail, *(parent.text for _ in (1,) if parent is not None)]
    return any(text and len(text.strip()) > 1 for text in around)


def _of_label(element: Element, _: dict[str, str]) -> str | None:
    """The label of a choice, such as "Select language", goes with it."""
    return "form" if next(element.iter("select"), None) is not None else None


def _of_header(element: Element, _: dict[str, str]) -> str | None:
    """A page's header goes, the header of an article stays."""
    inside = next(element.iterancestors("main", "article", "section"), None)
    return None if inside is not None else "header"


def _of_button(element: Element, attributes: dict[str, str]) -> str | None:
    """A button goes, unless it is the heading of a part that it opens."""
    if (
        next(element.iterancestors("h1", "h2", "h3", "h4", "h5", "h6", "summary", "dt"), None)
        is not None
    ):
        return None
    opens = "aria-expanded" in attributes or "aria-controls" in attributes
    return None if opens and len(_html.text_of(element)) >= 3 else "form"


_SOME = {"header": _of_header, "button": _of_button, "label": _of_label}


# --- body -------------------------------------------------------------------------------------


@dataclass
class Page:
    """What was read of a page."""

    blocks: list[RawBlock]
    left_out: list[tuple[str, Element]]
    coverage: float  # kept over visible prose, under the first rules
    n_images: int = 0  # left out: no caption, and nothing that says what they show

    @property
    def low_coverage(self) -> bool:
        return self.coverage < LOW_COVERAGE


def read_body(body: Element, table_blocks: ReadTable) -> Page:
    """The blocks of a page; what was left out is let in until half of the prose is there.

    Args:
        body: the root of what is shown; its divisions may be renamed.
        table_blocks: the blocks of a data table, or None for one that lays out the page.
    """
    found = _html.by_tag(body, "main", "article", "span")
    _part_lines(body, found["span"])
    frame = _Frame(body)
    root = _main(body, found["main"], found["article"])
    first: float | None = None
    for _ in range(MAX_TRIES):
        walk = _html.Walk(frame, table_blocks, _plain)
        blocks = walk.run(root)
        missed = walk.left_out + _outside(root, body, frame)
        kept = sum(round(len(b.text) * (1 - b.links)) for b in blocks)
        parts = [(r, e) for r, e in missed if _counts(r, kept)]
        if sum(_html.text_chars(e) for _, e in parts) <= kept or _all_but(kept, body):
            first = 1.0 if first is None else first
            break
        counted = [m for m in ((r, e, _html.prose_chars(e)) for r, e in parts) if m[2]]
        coverage = kept / max(1, kept + sum(m[2] for m in counted))
        first = coverage if first is None else first
        if coverage >= LOW_COVERAGE or not counted:
            break
        reason, largest, _chars = max(counted, key=lambda m: m[2])
        if reason == "outside":
            root = body
        else:
            frame.admitted.add(largest)
    left_out = [(reason, element) for reason, element in missed if _html.has_text(element)]
    blocks, n_repeated = _images.distinct(_without_contents(blocks, left_out))
    return Page(blocks, left_out, first or 0.0, walk.n_images + n_repeated)


def _all_but(kept: int, body: Element) -> bool:
    """Whether what was kept is half of the page, menus and all: no need to look at what was not."""
    if kept < FEW_CHARS:
        return False
    # with the blanks is quicker to count, and enough for most pages
    return len(_html.string_of(body)) <= 2 * kept or _html.text_chars(body) <= 2 * kept


def _counts(reason: str, kept: int) -> bool:
    """Menus and boxes are not missed, unless there is hardly anything else."""
    return reason not in _NOT_COUNTED or (kept < FEW_CHARS and reason != "consent")


def _main(body: Element, mains: list[Element], articles: list[Element]) -> Element:
    """The element that holds the text: `<main>`, else an `<article>` that has most of it."""
    mains = mains or body.xpath("descendant::*[@role='main']")
    if mains:
        return mains[0] if len(mains) == 1 else max(mains, key=_html.prose_chars)
    if len(articles) < 2:
        return articles[0] if articles else body
    sizes = [(_html.prose_chars(article), article) for article in articles]
    size, largest = max(sizes, key=lambda pair: pair[0])
    return largest if size >= 0.6 * sum(n for n, _ in sizes) else body


def _outside(root: Element, body: Element, frame: _Frame) -> list[tuple[str, Element]]:
    """What lies beside the path from the body down to the root, the frame excepted."""
    missed = []
    inner = root
    while inner is not body:
        outer = inner.getparent()
        for element in outer:
            if element is inner or not isinstance(element.tag, str):
                continue
            reason = frame(element, element.tag, dict(element.items())) or "outside"
            missed.append((reason, element))
        inner = outer
    return missed


_UI = re.compile(
    r"(?:(?:expand all\s*)?collapse all|skip to (?:main )?content|back to (?:the )?top"
    r"|(?:copy|share)(?: this)?(?: link| page)?"
    r"|print(?: this)?(?: page)?|share|tweet|download(?: pdf)?|read more|show more|expand all"
    r"|learn more|close|menu|search|nach oben|retour en haut|返回顶部|打印|分享|关闭"
    r"|was this (?:article|page) helpful\b.*|did this answer your question\W*"
    r"|select (?:your )?language|\(?opens in (?:a )?new (?:tab|window)\)?.*"
    r"|(?:©|\(c\)|copyright)\W*(?:19|20)\d\d\b.*|please enable javascript.*)",
    re.I,
)
_LANGUAGES = re.compile(r"[A-Z]{2}(?:\s*[|/·]\s*[A-Z]{2})+")  # to choose from
_CONTENTS = re.compile(
    r"(?:table of )?contents?:?|(?:in|on) this (?:article|page|section):?|inhalt(?:sverzeichnis)?"
    r"|sommaire|table des matières|目录|目 录",
    re.I,
)


def _without_contents(
    blocks: list[RawBlock], left_out: list[tuple[str, Element]]
) -> list[RawBlock]:
    """The blocks without in-page tables of contents and leftovers of buttons."""
    kept: list[RawBlock] = []
    run: list[RawBlock] = []  # of links within the page
    for block in [*blocks, RawBlock("rule", "")]:
        if block.in_page and block.kind in ("list_item", "paragraph") and block.links > 0.9:
            run.append(block)
            continue
        if run:
            _close_run(run, block, kept, left_out)
            run = []
        if ("..." in block.text or "……" in block.text) and _is_dotted(block.text):
            left_out.append(("contents", None))
        elif len(block.text) < 60 and _is_ui(block):
            left_out.append(("ui", None))
        else:
            kept.append(block)
    return _without_empty_contents(kept)


_DOTS = re.compile(r"\.{6,}|…{3,}")


def _is_dotted(text: str) -> bool:
    """Lines of a printed table of contents: title, dots, page."""
    lines = text.split("\n")
    return sum(bool(_DOTS.search(line)) for line in lines) >= 0.6 * len(lines)


def _is_ui(block: RawBlock) -> bool:
    return bool(
        _LANGUAGES.fullmatch(block.text) or (block.kind != "heading" and _UI.fullmatch(block.text))
    )


def _close_run(
    run: list[RawBlock],
    after: RawBlock,
    kept: list[RawBlock],
    left_out: list[tuple[str, Element]],
) -> None:
    """Drop a run of in-page links; a last one that a body follows opens and shuts that body."""
    opener = run.pop() if after.nested or (len(run) == 1 and after.kind == "paragraph") else None
    listed = run and (len(run) >= 3 or all(block.kind == "list_item" for block in run))
    if listed:
        left_out.append(("contents", None))
    else:
        kept += run
    if opener:
        kept.append(opener)


def _without_empty_contents(blocks: list[RawBlock]) -> list[RawBlock]:
    """Without a "Contents" that heads nothing any more."""
    after = [*blocks[1:], RawBlock("heading", "")]
    return [
        block
        for block, following in zip(blocks, after, strict=False)
        if not (following.kind == "heading" and _CONTENTS.fullmatch(block.text))
    ]


def _part_lines(root: Element, all_spans: list[Element]) -> None:
    """Make divisions of spans that a style sheet puts on lines of their own.

    Inline runs have a blank on one side of their border; spans that are glued together
    everywhere ("…the Site.", "1. Who are we?", "The data…") cannot be runs of one sentence.
    """
    for element in [span.getparent() for span in all_spans if span.getprevious() is None]:
        if element is root or len(element) < MIN_LINES or element.tag not in _html.BLOCKS:
            continue
        spans = list(element)
        if (element.text or "").strip() or any(span.tag != "span" for span in spans):
            continue
        texts = [text for text in map(_html.string_of, spans) if text.strip()]
        tails = any((span.tail or "").strip() for span in spans)
        pairs = list(itertools.pairwise(texts))
        glued = sum(not a[-1].isspace() and not b[0].isspace() for a, b in pairs)
        if len(texts) >= MIN_LINES and not tails and glued >= 0.9 * len(pairs):
            for span in spans:
                span.tag = "div"
