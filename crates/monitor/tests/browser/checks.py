"""Checks of a page."""

SECTIONS = 11

# Records the condition of each frame.
RECORD = """
globalThis.seen = [];
document.addEventListener('frame', (event) => {
  const badge = document.querySelector('[data-section=status] [data-condition]');
  globalThis.seen.push(badge.dataset.condition);
});
"""

# Compares a new snapshot with the page as the events left it, at the same frame.
COMPARE = """
(async () => {
  const root = document.documentElement;
  const state = (of) => Object.fromEntries([...of.querySelectorAll('[data-section]')].map((one) => [
    one.dataset.section, one.innerHTML.replaceAll(' open=""', ''),
  ]));
  for (let tries = 0; tries < 100; tries += 1) {
    const text = await (await fetch('./', { cache: 'no-store' })).text();
    const snapshot = new DOMParser().parseFromString(text, 'text/html');
    const frame = snapshot.documentElement.dataset.frame;
    for (let waits = 0; waits < 40; waits += 1) {
      if (root.dataset.frame === frame) {
        const [here, there] = [state(document), state(snapshot)];
        return { frame, sections: Object.keys(there).length,
          different: Object.keys(there).filter((name) => here[name] !== there[name]) };
      }
      await new Promise((later) => setTimeout(later, 10));
    }
  }
  return null;
})()
"""

STATE = """
(() => {
  const text = (query) => document.querySelector(query)?.innerText.trim();
  const [run, number] = document.documentElement.dataset.frame.split('-').map(Number);
  return { run, number, condition: document.querySelector('[data-condition]').dataset.condition,
    measured: Number(text('[data-section=figures] .figure:nth-child(3) dd').replaceAll(',', '')),
    triggers: [...document.querySelectorAll('[data-trigger]')].map((one) => one.dataset.trigger) };
})()
"""


def check_snapshot(page):
    """After any number of events the page equals a snapshot of the same frame."""
    compared = page.run(COMPARE)
    assert compared, "the page and a snapshot never had the same frame"
    assert compared["sections"] == SECTIONS, compared
    assert not compared["different"], compared
    return compared["frame"]


def check_reload(page):
    before = page.run(STATE)
    page.reload()
    after = page.run(STATE)
    assert after["run"] == before["run"] and after["number"] >= before["number"], (before, after)
    assert after["measured"] >= before["measured"] > 0, (before, after)
    assert set(before["triggers"]) <= set(after["triggers"]), (before, after)
    page.wait("document.getElementById('connection').dataset.state === 'live'")
    page.run(RECORD)
    return before, after


def check_without_script(page, url):
    """Without scripts the page is a snapshot."""
    page.scripts(False)
    page.go(url)
    html = page.html()
    page.scripts(True)
    for text in ["This is a snapshot.", 'data-fish=', "weight ~ length + height"]:
        assert text in html, f"without scripts: {text}"


def check_layout(page, width, height):
    """Nothing is wider than the window, and each chart is shown once."""
    page.size(width, height)
    wide = page.run("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], f"{wide[0]} pixels wide in a window of {wide[1]}"
    shown = "[...document.querySelectorAll('main svg.cw')].filter((one) => one.checkVisibility())"
    widths = page.run(f"{shown}.map((one) => one.getBoundingClientRect().width)")
    assert len(widths) == 2 and all(200 < one <= width for one in widths), widths
    # Cells show their column's name if it is not above them.
    cut = page.run("[...document.querySelectorAll('main .scroll')].filter((one) => one.checkVisibility()"
                   " && one.scrollWidth > one.clientWidth).map((one) => one.id)")
    assert not cut, f"{cut} are cut off in {width} pixels"
    unnamed = page.run("[...document.querySelectorAll('main .cells')].filter((one) => one.checkVisibility())"
                       ".filter((one) => one.querySelector('thead').offsetHeight < 5"
                       " && getComputedStyle(one.querySelector('td'), '::before').content === 'none').length")
    assert unnamed == 0, f"{unnamed} tables without their columns' names in {width} pixels"


def check_names(page):
    """For screen readers: all controls and pictures have names, and there are landmarks."""
    nodes = page.nodes()
    controls = ["button", "textbox", "combobox", "link", "image", "img", "region", "DisclosureTriangle"]
    nameless = [role for role, name in nodes if role in controls and not name.strip()]
    assert not nameless, nameless
    roles = [role for role, _ in nodes]
    for role in ["main", "banner", "status", "heading", "table", "rowheader", "cell", "form", "button"]:
        assert role in roles, f"no {role}"
    return len(nodes)


def check_accessibility(page, axe):
    """Runs axe-core: names, roles, contrast, scrolling by keyboard."""
    page.run(axe + "; true")
    found = page.run("axe.run(document, { resultTypes: ['violations', 'passes'] }).then((said) => ({"
                     " passes: said.passes.length, violations: said.violations.map((one) =>"
                     " `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 200)).join(' ')}`) }))")
    assert not found["violations"], found["violations"]
    assert found["passes"] > 20, found
    return found["passes"]


def check_pause(page):
    """By keyboard: the paused page does not change, and catches up when resumed."""
    page.run("document.getElementById('pause').focus()")
    page.press("Enter", 13)
    page.wait("document.getElementById('connection').dataset.state === 'paused'")
    before = page.run(STATE)
    # Viewers that are not paused have received several frames since.
    page.wait("fetch('./', { cache: 'no-store' }).then((answer) => answer.text()).then((text) =>"
              f" Number(text.match(/data-frame=\"\\d+-(\\d+)/)[1]) > {before['number'] + 3})")
    assert page.run(STATE) == before, "the page moved while it was paused"
    assert page.run("document.getElementById('pause').textContent") == "Resume"
    page.press("Enter", 13)
    page.wait(f"Number(document.documentElement.dataset.frame.split('-')[1]) > {before['number']}")
    page.wait("document.getElementById('connection').dataset.state === 'live'")


def check_keyboard(page):
    """On a new page, Tab reaches all controls, and each shows that it has the focus."""
    page.wait("document.getElementById('connection').dataset.state === 'live'")
    visited = []
    for _ in range(60):
        page.press("Tab", 9)
        focus = """(() => { const one = document.activeElement; const box = one.getBoundingClientRect();
          return { name: one.id || one.className || one.value || one.tagName, at: box.top + scrollY,
            outline: getComputedStyle(one).outlineStyle, body: one === document.body }; })()"""
        focused = page.run(focus)
        if focused["body"] or (visited and focused["name"] == visited[0]["name"]):
            break
        visited.append(focused)
    names = [one["name"] for one in visited]
    assert names[0] == "skip", names
    for wanted in ["pause", "errors-numbers-summary", "token", "version", "train", "activate", "pin", "unpin"]:
        assert wanted in names, f"{wanted} cannot be reached: {names}"
    unseen = [one["name"] for one in visited if one["outline"] == "none"]
    assert not unseen, f"focus cannot be seen: {unseen}"
    return len(names)


def check_reader_state(page):
    """An opened table stays open and keeps the focus when its section is replaced."""
    page.run("document.getElementById('errors-numbers-summary').focus()")
    page.press("Enter", 13)
    page.wait("document.getElementById('errors-numbers').open")
    page.run("document.getElementById('errors-numbers').old = true")
    page.wait("!document.getElementById('errors-numbers').old")
    assert page.run("document.getElementById('errors-numbers').open"), "closed by an update"
    focused = page.run("document.activeElement.id")
    assert focused == "errors-numbers-summary", f"the focus went to {focused!r}"


def act(page, token, version, action):
    """Fills in the form, presses a button, and returns the result."""
    page.run(f"document.getElementById('version').value = '{version}'")
    page.run("document.getElementById('token').value = ''; document.getElementById('token').focus()")
    page.type(token)
    page.run(f"document.getElementById('result').textContent = ''")
    page.run(f"document.querySelector('button[value={action}]').click()")
    return page.wait("!document.getElementById('result').textContent.startsWith('Waiting')"
                     " && document.getElementById('result').textContent")
