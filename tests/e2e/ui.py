# SPDX-License-Identifier: Apache-2.0
"""ui.py - the page in a real browser: ui.py URL FOLDER PART.  Prints a line a check."""
import json
import os
import re
import sys
import time
import traceback
import urllib.request

from browser import Browser

url, folder, part = sys.argv[1:4]
shots = os.environ.get("STEME_SHOTS")		# a folder: screenshots are kept there
failed = passed = 0
b = None


def check(sentence, truth, detail=""):
    global failed, passed
    if truth:
        passed += 1
        print("ok   " + sentence)
    else:
        failed += 1
        print(f"FAIL {sentence}\n     {detail}")


def go(hash_):
    """Opens a view; returns once it has answered."""
    b.js("location.hash = arguments[0]", hash_)
    b.wait(lambda: b.js("return document.querySelector('main').dataset.shows === location.hash"), "went to " + hash_)


def focused():
    return b.js("const e = document.activeElement; return (e.innerText || e.id || e.tagName).trim()")


def tab_to(test, limit=60, hold=None):
    for _ in range(limit):
        b.keys("Tab", hold=hold)
        if test():
            return True
    return False


def shot(name):
    if shots:
        time.sleep(0.4)
        b.shot(os.path.join(shots, name + ".png"))


def quiet(when):
    """No complaint on the console, nothing asked of anybody else.  An answer that tells of a
    fault on purpose is no complaint of the page's."""
    said = [m for m in b.complaints() if "Failed to load resource" not in m]
    check(f"the console is silent {when}", not said, said[:3])
    elsewhere = [u for u in b.asked() if not u.startswith((url + "/", "data:", "about:", "chrome:"))]
    check(f"nothing was asked of anybody else {when}", not elsewhere, elsewhere[:3])


def fits(what):
    wide = b.js("return document.documentElement.scrollWidth")
    width = b.js("return innerWidth")
    check(f"{what} fits {width} px", wide <= width, f"{wide} px wide")


# ---- parts

def part_empty():
    b.open(url + "/")
    b.sees("Nothing is claimed yet")
    check("an empty store says how to load the sample", "steme import etc/sample/countries.ndjson" in b.text())
    quiet("with an empty store")


def part_browse():
    b.open(url + "/")
    b.sees("world")
    check("the top has the concepts", "many" in b.text() and "hostile" in b.text(), b.text())
    b.click('.list-row a[href="#/concept/world"]')
    b.sees("afghanistan")
    check("a click goes into a concept", b.js("return location.hash") == "#/concept/world")
    check("the heading has the focus", b.js("return document.activeElement.tagName") == "H1", focused())
    b.click('.list-row a[href="#/concept/world/albania"]')
    b.sees("population")
    b.click('nav[aria-label="Lens"] a:last-child')
    b.wait(lambda: "lens=authority" in b.js("return location.hash"), "the lens is in the link")
    b.sees("regulatory")
    go("#/concept/world/bulgaria")
    b.click('a[href="#/concept/world/bulgaria?predicate=currency"]')
    b.sees("Under every lens")
    b.sees("contested")
    for lens in "recency", "confidence", "consensus", "votes", "authority":
        want = json.load(urllib.request.urlopen(
            f"{url}/v1/query?concept_path=world/bulgaria&predicate=currency&lens={lens}"))["results"]
        row = b.js("return [...document.querySelectorAll('.lenses tbody tr')].find((r) => r.innerText.startsWith(arguments[0])).innerText", lens)
        check(f"the row of {lens} says what the server says",
              (want[0]["object"]["value"] if want else "no winner") in row, row)
    s = json.load(urllib.request.urlopen(
        f"{url}/v1/query?concept_path=world/bulgaria&predicate=currency&lens=skeptic"))["results"][0]
    shown = b.js("return [...document.querySelectorAll('.shares li')].map((e) => e.innerText)")
    check("every value has its share, as text", len(shown) == len(s["values"]) and all(
        v["object"]["value"] in t and f"{100 * v['share']:.0f} %" in t for v, t in zip(s["values"], shown)), shown)
    widths = b.js("return [...document.querySelectorAll('.stack i')].map((e) => e.getBoundingClientRect().width)")
    check("and as a width", abs(widths[0] / sum(widths) - s["values"][0]["share"]) < 0.02, widths)
    check("tiers stand by number", re.search(r"0\s+regulatory\s+A\s+BGN", b.text(".tiers")) is not None, b.text(".tiers"))
    shot("conflict")
    quiet("while browsing")


def part_history():
    b.open(url + "/#/concept/world/bulgaria?predicate=currency")
    b.sees("Under every lens")
    recency = "return document.querySelector('.lenses tbody tr').innerText"
    check("now the euro is newest", "EUR" in b.js(recency))
    for _ in range(80):
        b.keys("Tab")
        if b.js("return document.activeElement.id") == "as-of":
            break
    check("the slider is reached by Tab", b.js("return document.activeElement.id") == "as-of")
    told = b.js("return document.activeElement.getAttribute('aria-valuetext')")
    check("and says where it stands", told == "now, 7 of 7 claims", told)
    for _ in range(3):
        b.keys("ArrowLeft")
    b.wait(lambda: "BGN" in b.js(recency), "as_of before the euro")
    check("three claims back the lev is newest", "BGN" in b.js(recency))
    told = b.js("return document.activeElement.getAttribute('aria-valuetext')")
    check("said to who cannot see it", re.match(r"as of 2025-10-03 .*, 5 of 7 claims", told) is not None, told)
    check("the link has the time", "as_of=2025-10-03T" in b.js("return location.hash"), b.js("return location.hash"))
    b.wait(lambda: "recency: BGN" in b.text("#status"), "the status tells")
    at = b.js("return new URLSearchParams(location.hash.split('?')[1]).get('as_of')")
    want = json.load(urllib.request.urlopen(f"{url}/v1/query?concept_path=world/bulgaria&predicate=currency&lens=skeptic&as_of={at}"))
    b.wait(lambda: b.count(".shares li") == len(want["results"][0]["values"]), "conflict of that time")
    check("the later claims are marked", b.count(".dot[data-later]") == 2 and b.count("tr[data-later]") == 2)
    # where the thumb is, the line is, and the claim's dot
    line, dot = b.js("""const x = (css) => { const r = document.querySelector(css).getBoundingClientRect(); return r.left + r.width / 2; };
        return [x(".cursor"), x('.dot[title^="2025-10-03"]')]""")
    check("the line stands at the claim", abs(line - dot) < 2, (line, dot))
    shot("history")
    b.keys("Home")
    b.sees("Nothing had been claimed by then")
    check("before the first claim there is nothing", "no winner" in b.js(recency))
    b.keys("ArrowRight")
    b.sees("1 of 7 claims")
    b.wait(lambda: "BGN" in b.js(recency), "the first claim")
    b.keys("End")
    b.wait(lambda: "EUR" in b.js(recency), "now again")
    check("End is now", "as_of" not in b.js("return location.hash"))
    b.open(url + "/#/concept/world/bulgaria?predicate=currency&as_of=2018-01-01")
    b.sees("as of 2018-01-01")
    check("a link opens at its time", "1 of 7 claims" in b.text(".timeline"), b.text(".timeline"))
    b.open(url + "/#/concept/often?predicate=p")
    b.sees("Under every lens")
    check("of many claims it says that these are the newest", "now · 1,000 of the newest 1,000 claims" in b.text(".as-of"), b.text(".as-of"))
    b.js("document.getElementById('as-of').focus()")
    for _ in range(3):
        b.keys("ArrowLeft")
    told = b.js("return document.activeElement.getAttribute('aria-valuetext')")
    check("claims of one millisecond are apart", told.endswith(", 998 of the newest 1,000 claims"), told)
    b.wait(lambda: b.count("tr[data-later]") == 2, "two later claims")
    b.wait(lambda: "as_of=2024-05-01T10%3A00%3A00.000998Z" in b.js("return location.hash"), "the link has the microsecond")
    b.js("""document.getElementById("as-of").dispatchEvent(new KeyboardEvent("keydown", { key: "Home", cancelable: true }));
        location.hash = "#/agents";""")
    b.wait(lambda: b.text("h1") == "Agents", "away from the slider")
    time.sleep(0.3)
    check("a slider that was left alone leaves the link alone", b.js("return location.hash") == "#/agents", b.js("return location.hash"))
    quiet("while moving in time")


def part_claim():
    b.open(url + "/#/concept/world/bulgaria?predicate=currency")
    b.sees("Every claim")
    b.click(".lenses tbody tr:first-child a.claim")
    b.sees("Is that so?")
    marks = b.js("return [...document.querySelectorAll('.checks .mark')].map((e) => e.innerText)")
    check("hash and signature hold, here and there", marks == ["✓ holds"] * 4, b.text())
    check("what was signed stands there", "steme assertion 1\nconcept world/bulgaria\npredicate currency" in b.text("pre.raw"))
    check("Ed25519 is checked in this browser", "Ed25519, by the key" in b.text(".checks"))
    shot("provenance")
    # the checks can fail: flip a bit of what the page gets
    id_ = b.js("return location.hash").split("/")[-1]
    bad = b.js("""
        const [id, done] = [arguments[0]];
        return (async () => {
            const v = await import("/ui/verify.js");
            const bytes = new Uint8Array(await (await fetch("/v1/objects/" + id)).arrayBuffer());
            const sig = new Uint8Array(await (await fetch("/v1/objects/" + id + ".sig")).arrayBuffer());
            const good = await v.ownCheck(bytes, sig);
            bytes[bytes.length - 1] ^= 1;
            return [good.ok, v.hashCheck(id, bytes).ok, (await v.ownCheck(bytes, sig)).ok];
        })();""", id_)
    check("a flipped bit fails both checks", bad == [True, False, False], bad)
    batch = os.environ.get("BATCHED")
    go("#/claim/" + batch)
    b.sees("Place in the batch")
    marks = b.js("return [...document.querySelectorAll('.checks .mark')].map((e) => e.innerText)")
    check("a member of a batch is proved by its path", marks[:3] == ["✓ holds"] * 3, b.text(".checks"))
    go("#/claim/" + os.environ.get("ALIAS"))
    check("an alias names both concepts", "twin/one" in b.text("h1") and "twin/other" in b.text(".facts"), b.text())
    check("and nobody votes on it", "votes" not in b.text(".facts"), b.text(".facts"))
    go("#/claim/zz")
    check("a link to nothing says so", "No such claim" in b.text())
    go("#/claim/" + "0" * 64)
    check("an unknown claim is not found", "Not found" in b.text(), b.text())
    go("#/nonsense/a?b=%zz")
    check("an unknown view, too", "No such view" in b.text(), b.text())
    quiet("while looking at claims")


def part_keyboard():
    b.open(url + "/")
    b.sees("world")
    b.keys("Tab")
    check("the first stop skips to the content", focused() == "Skip to the content", focused())
    b.keys("Enter")
    b.wait(lambda: b.js("return document.activeElement.id") == "main", "main has the focus")
    b.keys("Tab")
    check("then the list", b.js("return document.activeElement.closest('.list-row') !== null"), focused())
    b.keys("w")
    check("a letter goes to what begins so", focused().startswith("world"), focused())
    b.keys("Enter")
    b.sees("afghanistan")
    tab_to(lambda: b.js("return document.activeElement.closest('.list-row') !== null"))
    for c in "bul":
        b.keys(c)
    check("several letters, too", focused().startswith("bulgaria"), focused())
    b.keys("ArrowDown")
    check("arrows go on", focused().startswith("burkina-faso"), focused())
    b.keys("ArrowUp", "Enter")
    b.sees("official_name")
    check("and Enter opens", b.js("return location.hash") == "#/concept/world/bulgaria")
    check("focus is seen", tab_to(lambda: b.js("return document.activeElement.matches('a.predicate')")) and b.js(
        "const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2"))
    b.keys("Enter")
    b.sees("Under every lens")
    check("so a predicate is reached without a mouse", "predicate=" in b.js("return location.hash"))
    # search
    b.keys("/")
    check("the slash goes to the search", b.js("return document.activeElement.id") == "find")
    b.keys("world/bu")
    b.wait(lambda: b.count("#found [role=option]") == 3, "three concepts begin so")
    check("the box says it is open", b.js("return document.activeElement.getAttribute('aria-expanded')") == "true")
    b.keys("ArrowDown", "ArrowDown")
    active = b.js("const e = document.getElementById(document.activeElement.getAttribute('aria-activedescendant')); return [e.innerText, e.getAttribute('aria-selected')]")
    check("arrows choose", active == ["world/burkina-faso", "true"], active)
    b.keys("Escape")
    check("Escape closes", b.js("return document.getElementById('found').hidden"))
    b.keys("world/bulg")
    b.wait(lambda: b.count("#found [role=option]") == 1, "one begins so")
    b.keys("ArrowDown", "Enter")
    b.wait(lambda: b.js("return location.hash") == "#/concept/world/bulgaria", "it opens")
    b.keys("/")
    b.keys("world/bu", "Enter")
    b.sees("Concepts that begin with")
    check("Enter alone lists them all", b.count(".list-row") == 3, b.text())
    check("and the focus is on what opened", b.js("return document.activeElement.tagName") == "H1", focused())
    b.keys("/")
    b.keys("nobody/here")
    b.sees("No concept begins so", "#found")
    b.keys("Escape", "/")
    b.keys("World/bu")
    b.sees("No concept begins so", "#found")
    b.keys("Escape", "/")
    b.keys("world/")
    b.sees("and more", "#found")
    check("of many the first are offered", b.count("#found [role=option]") == 12, b.text("#found"))
    b.keys("Escape", "/")
    b.keys("many/c0", "Enter")
    b.sees("1,000+ concepts")
    tab_to(lambda: b.js("return document.activeElement.closest('.list-row') !== null"))
    check("they are listed by path", focused().startswith("many/c00001"), focused())
    b.keys("End")
    b.sees("2,000+ concepts")
    check("and go on at the end, where the focus stays", focused().startswith("many/c01000"), focused())
    b.keys("/")
    b.keys("world//")
    b.sees("segment", "#found")
    b.keys("Escape")
    # structure
    for css, n in (("main", 1), ("header", 1), ("footer", 1), ("[role=search]", 1), ("h1", 1)):
        check(f"there is one {css}", b.count(css) == n, b.count(css))
    unnamed = b.js("""return [...document.querySelectorAll("a, button, input")].filter((e) => !(e.innerText || e.ariaLabel ||
        e.labels?.length || e.closest("[aria-hidden]"))).map((e) => e.outerHTML)""")
    check("every control has a name", not unnamed, unnamed)
    quiet("by keyboard")


def part_many():
    b.open(url + "/#/concept/many")
    b.sees("10,000 below")
    check("of 10,000 rows only those in sight are there", b.count(".list-row") < 100, b.count(".list-row"))
    order = b.js("return [...document.querySelectorAll('.list-row')].slice(0, 3).map((e) => e.innerText.split('\\n')[0])")
    check("they stand in order", order == ["c00001", "c00002", "c00003"], order)
    tab_to(lambda: b.js("return document.activeElement.closest('.list-row') !== null"))
    b.keys("End")
    b.wait(lambda: focused().startswith("c10000"), "the last")
    check("End is the last", b.js("return document.activeElement.closest('.list-row').getAttribute('aria-posinset')") == "10000")
    b.keys("PageUp")
    check("PageUp moves by what is in sight", "c09960" < focused()[:6] < "c09995", focused())
    b.keys("Home")
    check("Home is the first", focused().startswith("c00001"), focused())
    b.js("document.querySelector('.list').scrollTop = 150000")
    b.sees("c05001")
    b.click('.list-row a[href="#/concept/many/c05001"]')
    b.sees("one voice")
    b.js("history.back()")
    b.sees("c05001", ".list")
    tab_to(lambda: b.js("return document.activeElement.closest('.list-row') !== null"))
    check("who comes back finds the list where it was left", focused().startswith("c05001"), focused())
    go("#/concept/many/c05001")
    go("#/concept/many")
    b.sees("c00001", ".list")
    check("who comes anew, at its beginning", b.js("return document.querySelector('.list').scrollTop") == 0)
    b.js("document.querySelector('.list').scrollTop = 150000")
    b.sees("c05001", ".list")
    tab_to(lambda: b.js("return document.activeElement.closest('.list-row') !== null"))
    check("Tab leads to what was scrolled to", "c04990" < focused()[:6] < "c05040", focused())
    go("#/concept/crowd?predicate=says")
    b.size(360, 740)
    check("100 values have 100 shares", b.count(".stack i") == 100 and b.count(".shares li") == 100)
    fits("what 100 agents say")
    b.size(1280, 900)
    go("#/concept/often")
    left, right = b.js("return ['.children', '.cards'].map((x) => document.querySelector(x).getBoundingClientRect().left)")
    check("what is below stands beside what is claimed", left < right, (left, right))
    b.complaints()
    go("#/concept/often/wide")
    more = "return [...document.querySelectorAll('.grow button')].find((e) => e.innerText === 'More')"
    b.cdp("Network.enable")
    b.cdp("Network.setBlockedURLs", urls=["*cursor=*"])
    b.js(more + ".click()")
    b.sees("does not answer", ".grow .why")
    b.cdp("Network.setBlockedURLs", urls=[])
    b.wait(lambda: b.js("return document.getElementById('banner').hidden"), "the banner goes")
    b.js(more + ".click()")
    b.wait(lambda: b.count("tbody tr") == 201, "all predicates")
    check("then there is no more", b.js(more + ".hidden"))
    # one part answers while another does not
    b.cdp("Network.setBlockedURLs", urls=["*/v1/concepts*"])
    b.js("location.hash = '#/concept/many'")
    b.sees("is away", "#banner")
    b.asked()
    time.sleep(3)
    asked = len(b.asked())
    check("who is away in part is not asked without end", 0 < asked < 30, asked)
    b.cdp("Network.setBlockedURLs", urls=[])
    b.sees("10,000 below")
    b.wait(lambda: b.js("return document.getElementById('banner').hidden"), "the banner goes")
    quiet("with 10,000 children")


def part_hostile():
    b.open(url + "/#/concept/hostile")
    b.sees("below")
    name = "<img src=x onerror=window.hacked=1>"
    check("a concept that is markup is text", name in b.text(".list"), b.text(".list"))
    b.click('.list-row a')
    b.sees("markup")
    check("and its link leads to it", b.text("h1") == name, b.text("h1"))
    text = b.text()
    check("a script is text", "<script>window.hacked=1</script>" in text, text)
    check("a predicate that is markup is text", "<b onclick=alert(1)>x" in text, text)
    check("what turns the line round is spelled out", "U+202E" in text, text)
    check("NUL is, too", "U+0000" in text, text)
    check("and what fills a place with nothing", "U+3164" in text, text)
    check("64 KiB are cut", "all 65,536 characters" in text and len(text) < 8000, len(text))
    b.js("[...document.querySelectorAll('button.link')].find((e) => e.innerText === 'all 65,536 characters').click()")
    b.wait(lambda: len(b.text()) > 65536, "all of it")
    check("and shown when asked for", b.js("return [...document.querySelectorAll('button.link')].some((e) => e.innerText === 'less')"))
    fits("64 KiB without a blank")
    check("numbers keep their spelling", "1.50E+2" in text and "123456789012345678901234567890" in text, text)
    for p in ("markup", "<b onclick=alert(1)>x", "a%2Fb?c#d&e=1"):
        b.js("[...document.querySelectorAll('a.predicate')].find((e) => e.innerText === arguments[0]).click()", p)
        b.sees("Under every lens")
        check(f"predicate {p} opens", b.text("h1").startswith(p), b.text("h1"))
        b.js("history.back()")
        b.sees("seen by")
    go("#/concept/hostile/" + urllib.request.quote(name) + "?predicate=turned")
    b.sees("Under every lens")
    check("also where a dot is pointed at", "abcU+202Edef" in b.js("return document.querySelector('.dot').title"))
    go("#/sources")
    b.sees("javascript:")
    hrefs = b.js("return [...document.querySelectorAll('a')].map((e) => e.href).filter((x) => !x.startsWith(location.origin))")
    check("no source becomes a link to elsewhere", not hrefs, hrefs)
    go("#/concept/" + urllib.request.quote("<svg onload=window.hacked=1>"))
    check("a hostile link is text", "<svg onload" in b.text("h1"), b.text())
    go("#/search?prefix=" + urllib.request.quote("<img src=x onerror=window.hacked=1>"))
    go("#/claim/<img src=x onerror=window.hacked=1>")
    check("nothing of it ran", b.js("return window.hacked === undefined && document.querySelector('main img, main script') === null"))
    quiet("with hostile values")


VIEWS = ("#/", "#/concept/world/bulgaria", "#/concept/world/bulgaria?predicate=currency", "#/feed", "#/agents", "#/sources",
         "#/store", "#/cluster", "#/sources?source=npm%3Acountries-list%403.4.1", "#/concept/many")

LIGHT = """
    const lum = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b; };
    const rgb = (s) => s.match(/[\\d.]+/g).map(Number);
    const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
        if (c.length < 4 || c[3] === 1) return c.slice(0, 3); } return [255, 255, 255]; };
    const ratio = (a, b) => { const [x, y] = [lum(a), lum(b)]; return (Math.max(x, y) + .05) / (Math.min(x, y) + .05); };
"""

EDGE = LIGHT + """
    return [...document.querySelectorAll("input:not([type=range]), button:not(.link)")].filter((e) => e.checkVisibility() &&
        ratio(rgb(getComputedStyle(e).borderColor).slice(0, 3), ground(e)) < 3).map((e) => e.outerHTML);"""

CONTRAST = LIGHT + """
    const bad = new Set();
    for (const e of document.querySelectorAll("body *")) {
        if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility() || e.closest(".hidden, .skip, .shards")) continue;
        const r = ratio(rgb(getComputedStyle(e).color).slice(0, 3), ground(e));
        if (r < 4.5) bad.add(`${e.tagName}.${e.className} ${r.toFixed(2)} ${e.innerText.slice(0, 20)}`);
    }
    return [...bad];"""


def part_looks():
    batch = os.environ.get("BATCHED")
    for scheme in "light", "dark":
        b.media(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
        for width, height in ((1280, 900), (360, 740)):
            b.size(width, height)
            b.open(url + "/")
            b.sees("world")
            for v in VIEWS + ("#/claim/" + batch,):
                go(v)
                b.wait(lambda: "Loading…" not in b.text(), "loaded " + v)
                edge = b.js(EDGE)
                check(f"{v} has edges one sees in {scheme} at {width} px", not edge, edge[:4])
                bad = b.js(CONTRAST)
                check(f"{v} has contrast in {scheme} at {width} px", not bad, bad[:4])
                fits(f"{v} in {scheme}")
                if width == 360:
                    small = b.js("return [...document.querySelectorAll('#nav a, button')].filter((e) => e.checkVisibility()"
                                 " && e.getBoundingClientRect().height < 24 && !e.matches('.link')).map((e) => e.innerText)")
                    check(f"{v} can be touched", not small, small)
        ground = b.js("return getComputedStyle(document.documentElement).backgroundColor")
        check(f"{scheme} is {scheme}", (int(re.findall(r"\d+", ground)[0]) > 128) == (scheme == "light"), ground)
    moves = b.js("return [...document.querySelectorAll('*')].filter((e) => parseFloat(getComputedStyle(e).transitionDuration) > 0).length")
    check("who wants no motion gets none", moves == 0, moves)
    quiet("whatever it looks like")


def part_live():
    b.open(url + "/#/feed")
    b.wait(lambda: b.text(".live") == "live", "live")

    def claim(n, concept="live/one"):
        urllib.request.urlopen(urllib.request.Request(url + "/v1/assert", json.dumps(
            {"concept_path": concept, "predicate": "n", "object": n}).encode()))
    claim(1)
    b.sees("live/one", ".feed")
    check("what is recorded appears", "assertion" in b.text(".feed"))
    b.js("[...document.querySelectorAll('.toolbar button')][0].click()")
    claim(2)
    b.sees("1 waiting", ".toolbar")
    check("a pause holds it back", b.count(".feed li") == 1, b.count(".feed li"))
    b.js("[...document.querySelectorAll('.toolbar button')][0].click()")
    b.wait(lambda: b.count(".feed li") == 2, "both")
    go("#/feed?prefix=live/two")
    b.wait(lambda: b.text(".live") == "live", "live below a prefix")
    claim(3)
    claim(4, "live/two")
    b.sees("live/two", ".feed")
    check("a prefix narrows", "live/one" not in b.text(".feed"), b.text(".feed"))
    go("#/agents")
    check("agents are listed", b.count("tbody tr") >= 5, b.text())
    go("#/sources?prefix=npm:country-json")
    check("sources are, by prefix", b.count("tbody tr") == 1, b.text())
    b.click("a.source")
    b.sees("What would change without it")
    check("with what would change without one", b.count("tbody tr") >= 1, b.text())
    go("#/feed?prefix=a//b")
    b.sees("segment", ".live")
    b.complaints()
    check("a prefix that none can have is refused in words", "connecting" not in b.text(".live"), b.text(".live"))
    quiet("live")


def part_store():
    b.open(url + "/#/store")
    b.sees("Storage")
    b.wait(lambda: "Loading…" not in b.text(), "all cards")
    for card, word in (("Storage", "log on disk"), ("Log since the daemon began", "failed syncs"), ("Index", "ready"), ("Index", "assertions"),
                       ("Limits", "No agent has a limit"), ("Circuit breakers", "None is tripped"),
                       ("API keys", "There is none"), ("Lately", "GET /v1/admin/")):
        check(f"the card {card} says what it should", word in b.text(f'[aria-label="{card}"]'), b.text(f'[aria-label="{card}"]'))
    text = b.text('[aria-label="Slow queries"]')
    check("so does the card of slow queries", "None was slow" in text or "question" in text, text)
    shot("storage")
    b.js("document.getElementById('key').value = 'wrong'; document.querySelector('form.inline button').click()")
    b.sees("Needs admin")
    b.wait(lambda: "Loading…" not in b.text(), "all cards")
    for card in "Storage", "Index", "Limits", "API keys", "Lately":
        text = b.text(f'[aria-label="{card}"]')
        check(f"with a wrong key {card} needs admin, and why", "Needs admin" in text and "key" in text.split("admin.")[1], text)
    b.js("document.getElementById('key').value = ''; document.querySelector('form.inline button').click()")
    b.sees("No agent has a limit")
    go("#/cluster")
    b.wait(lambda: b.count(".shards li") == 64, "64 shards")
    check("the cluster is this node", "UP" in b.text('[aria-label="Nodes"]') and "ok" in b.text('[aria-label="Health"]')
          and "in_sync" in b.text('[aria-label="Synchronisation"]'), b.text())
    shot("cluster")
    quiet("with the state of the store")


def part_away():
    """The caller stops the daemon, then starts it, told by files."""
    def tell(what):
        open(os.path.join(folder, what), "w").close()
        b.wait(lambda: os.path.exists(os.path.join(folder, what + ".done")), what)
    b.open(url + "/#/concept/world/bulgaria")
    b.sees("official_name")
    tell("stop")
    b.js("location.hash = '#/concept/world/albania'")
    b.sees("does not answer", "#banner")
    check("without the daemon a banner says so", "tries again" in b.text("#banner"), b.text("#banner"))
    check("and the view says why there is nothing", b.text("main h1") == "Nothing to show for now", b.text())
    tell("start")
    b.sees("official_name")
    check("when it is back the view is, too", b.js("return document.getElementById('banner').hidden"))
    def claim(n):
        urllib.request.urlopen(urllib.request.Request(url + "/v1/assert", json.dumps(
            {"concept_path": "outage", "predicate": "n", "object": n}).encode()))
    go("#/feed?prefix=outage")
    b.wait(lambda: b.text(".live") == "live", "live")
    claim(1)
    b.sees("outage", ".feed")
    tell("daemonends")
    b.sees("waiting", ".live")
    check("a feed whose daemon was killed says so", "the daemon" in b.text(".live"), b.text(".live"))
    tell("startdaemon")
    b.wait(lambda: b.text(".live") == "live", "live again")
    tell("apialone")
    b.sees("the daemon", ".live")
    check("a feed without the daemon says why it stands", "connecting again" in b.text(".live"), b.text(".live"))
    tell("again")
    for n in 2, 3, 4:
        claim(n)
    b.wait(lambda: b.count(".feed li") == 4, "what came meanwhile")
    check("and goes on behind the last", b.text(".live") == "live", b.text(".live"))
    tell("apiends")
    tell("startapi")
    tell("stopall")
    b.js("location.hash = '#/concept/world/bulgaria'")
    b.sees("The server is away", "#banner")
    check("without the sidecar, too", "steme up" in b.text("#banner"))
    b.complaints()
    tell("startall")
    b.sees("official_name")
    check("and comes back", b.text("h1") == "bulgaria")
    quiet("after an outage")


def part_shots():
    """The screenshots in doc/."""
    b.cdp("Emulation.setScrollbarsHidden", hidden=True)
    b.size(1200, 1180)
    for scheme in "light", "dark":
        b.media(prefers_color_scheme=scheme)
        b.open(url + "/#/concept/world/bulgaria" + ("?predicate=currency" if scheme == "dark" else ""))
        b.sees("contested")
        b.wait(lambda: b.text("#foot"), "the footer")
        shot(scheme)
    b.media(prefers_color_scheme="light")
    b.size(360, 800)
    b.open(url + "/#/concept/world/bulgaria?predicate=currency")
    b.sees("Under every lens")
    shot("360")
    b.size(1200, 1180)
    part_browse()
    part_history()
    part_claim()
    part_store()


b = Browser(folder)
try:
    b.size(1280, 900)
    for p in part.split(","):
        globals()["part_" + p]()
except (AssertionError, RuntimeError, KeyError, IndexError, TypeError) as e:
    failed += 1
    print(f"FAIL {part}: {e}")
    traceback.print_exc(file=sys.stdout)
    print("     " + "\n     ".join(b.complaints()[-5:]))
    if os.environ.get("KEEP"):
        b.shot(os.path.join(folder, "failed.png"))
finally:
    b.close()
print(f"{passed} {failed}")
