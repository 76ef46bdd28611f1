"""Terms pages against what a browser shows: the words of `innerText` that we have, and the reverse.

    python tests/bench/bench_terms_browser.py ../shared/data [every-nth-page]

Chromium opens each page without a network and without the page's scripts; a script of ours reads
`innerText` of the elements that a person picked (tests/terms_pages.py). Style sheets that the page
links are therefore missing, inline styles and `hidden` count. Panels that a button opens are opened
first: a reader sees their text, if not at once.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import terms_pages
from terms_pages import Page, f1, tokens

from datakit.ingestors.terms_html import TermsHtml
from datakit.records import Document

OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom",
)  # fmt: skip
SHOWN = """<script>addEventListener("load", () => {
  const out = (a) => a.forEach((s) => document.querySelectorAll(s).forEach((e) => e.remove()));
  out(%s); out(["select", "button:not([aria-expanded])", "textarea"]);
  document.querySelectorAll("details").forEach((e) => { e.open = true; });
  const panels = "[role=region], [role=tabpanel], [aria-labelledby], [id^=content], section";
  document.querySelectorAll(panels).forEach((p) => [p, ...p.children].forEach((e) => {
    e.removeAttribute("style"); e.hidden = false; }));
  const places = [...document.querySelectorAll(%s)];
  const outer = places.filter((e) => !places.some((p) => p !== e && p.contains(e)));
  const text = (outer.length ? outer : [document.body]).map((e) => e.innerText).join("\\n");
  document.documentElement.innerHTML = "<pre id=shown></pre>";
  document.getElementById("shown").textContent = text;
});</script>"""
_SCRIPT = re.compile(r"<script\b.*?</script\s*>|<noscript\b.*?</noscript\s*>|<meta[^>]*http-equiv"
                     r"[^>]*>|<link[^>]*>", re.S | re.I)  # fmt: skip


def shown(page: Page, browser: str) -> str:
    """What the browser shows of the picked elements."""
    _, where, without = next(row for row in terms_pages.PLACES if re.match(row[0], page.uri))
    script = SHOWN % (json.dumps(without.split()), json.dumps(", ".join(where.split())))
    text = _SCRIPT.sub(" ", page.path.read_text("utf-8", "replace")) + script
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(text, "utf-8")
        call = [browser, *OPTIONS, f"--user-data-dir={folder}/profile", file.as_uri()]
        done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r"<pre id=\"shown\">(.*?)</pre>", done.stdout, re.S)
    return html.unescape(found[1]) if found else ""


def main() -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no browser: neither chromium nor google-chrome is on the PATH")
    step = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    pages = [page for page in terms_pages.pages(Path(sys.argv[1])) if page.language != "zh"]
    scores = []
    for page in pages[::step]:
        (document,) = TermsHtml()(page.path, page.uri)
        lines = terms_pages.document_lines(document, page.lines)
        assert isinstance(document, Document)
        ours = Counter(token for line in lines for token in tokens(line.text))
        theirs = Counter(t for line in shown(page, browser).split("\n") for t in tokens(line))
        both = (ours & theirs).total()
        precision, recall = both / max(1, ours.total()), both / max(1, theirs.total())
        scores.append((f1(precision, recall), precision, recall, page.uri))
    for row in sorted(scores)[:10]:
        print("F1 {:.3f}  P {:.3f}  R {:.3f}  {}".format(*row))
    means = [sum(row[i] for row in scores) / len(scores) for i in range(3)]
    lowest = min(row[2] for row in scores)
    print(f"{len(scores)} pages: F1 {means[0]:.3f}, P {means[1]:.3f}, R {means[2]:.3f}, "
          f"lowest R {lowest:.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
