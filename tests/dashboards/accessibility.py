"""What the tests of accessibility ask a page in the browser: axe-core's rules, and a walk by Tab alone."""

from __future__ import annotations

import dataclasses
import itertools

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_OPTIONS = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
    "resultTypes": ["violations"],
}
STREAMLITS_OWN = {
    ("list", '<ul data-testid="stSidebarNavItems"'),
    ("listitem", "<li class="),  # the menu's entries below a heading
}
"""Violations of Streamlit's own markup (docs/accessibility.md has each): the rule, and how the element begins."""
_GRID_CELLS = 40
_CONTROLS = """
() => {
  const shown = one => one.getClientRects().length && getComputedStyle(one).visibility === 'visible'
    && !one.closest('[inert],[aria-hidden=true]')
  const all = [...document.querySelectorAll('a[href],button,input,select,textarea,summary,[tabindex]')]
    .filter(one => one.tabIndex >= 0 && !one.disabled && shown(one) && one.type !== 'hidden')
    .filter(one => one.getAttribute('role') !== 'radio' || one.parentElement.querySelector('[role=radio]') === one)
  const look = one => {
    const said = []
    for (let at = one, up = 0; at && up < 4; at = at.parentElement, up++) {
      const style = getComputedStyle(at)
      said.push([style.outlineStyle, style.outlineWidth, style.outlineColor, style.boxShadow, style.borderColor,
                 style.backgroundColor, style.textDecorationLine, style.top].join())
    }
    return said.join(';')
  }
  document.body.tabIndex = -1
  document.body.focus()  // the walk begins at the top, wherever the last click was
  window.llControls = all
  window.llRest = all.map(look)
  window.llLook = look
  return all.map(one => `${one.tagName.toLowerCase()} ${one.getAttribute('aria-label') || one.innerText || one.title || one.id || one.className}`
    .replace(/\\s+/g, ' ').slice(0, 90))
}
"""
_FOCUSED = """
() => {
  const now = document.activeElement
  const place = window.llControls.indexOf(now)
  return [place, place >= 0 && window.llLook(now) !== window.llRest[place]]
}
"""


def violations(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.1 A and AA that is not Streamlit's own, as `rule: element: why`."""
    found = []
    for rule in Axe().run(page, options=_OPTIONS).response["violations"]:
        for node in rule["nodes"]:
            if not any(
                rule["id"] == known and node["html"].startswith(begins) for known, begins in STREAMLITS_OWN
            ):
                why = (node["any"] or node["all"] or node["none"])[0]["message"]
                found.append(f"{rule['id']}: {node['html'][:200]}: {why}")
    return found


@dataclasses.dataclass(frozen=True)
class Walk:
    """A walk by Tab: the controls not reached, those reached out of order, those without a visible focus, those that kept it."""

    missed: list[str]
    disordered: list[str]
    unseen: list[str]
    trapped: list[str]

    @property
    def problems(self) -> dict[str, list[str]]:
        """Each kind by name, where there is one."""
        return {name: said for name, said in dataclasses.asdict(self).items() if said}


def walk(page: Page) -> Walk:
    """Press Tab from the page's beginning until every control was reached or the walk comes round."""
    names = page.evaluate(_CONTROLS)
    reached: list[int] = []
    unseen, trapped, stays = [], [], 0
    for _ in range(3 * len(names) + _GRID_CELLS):
        page.keyboard.press("Tab")
        place, is_seen = page.evaluate(_FOCUSED)
        if reached and place == reached[-1]:  # a table moves by cells first
            stays += 1
            if stays > _GRID_CELLS:
                trapped.append(names[place])
                break
            continue
        if place in reached:
            break
        stays = 0
        if place >= 0:
            reached.append(place)
            if not is_seen:
                unseen.append(names[place])
    disordered = [names[b] for a, b in itertools.pairwise(reached) if b < a]
    return Walk([name for n, name in enumerate(names) if n not in reached], disordered, unseen, trapped)
