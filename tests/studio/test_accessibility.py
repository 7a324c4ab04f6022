"""The studio for everybody: axe finds nothing serious, the keyboard reaches everything, colours can be told apart."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from pellucid.figures.tokens import DARK, TOKENS

WIDE, NARROW = (1440, 900), (390, 844)
UNIT = "run=digits&image=test/1&unit=first[1,3,3]"

# Machado, Oliveira and Fernandes 2009, severity 1: https://doi.org/10.1109/TVCG.2009.113, on linear red, green, blue.
DEFICIENCIES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: str) -> np.ndarray:
    share = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Compute WCAG 2's contrast ratio."""
    light, dark = sorted((float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mixed(one: str, other: str, share: float) -> str:
    """Mix two colours as CSS does in sRGB."""
    pairs = ((int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(share * first + (1 - share) * second):02x}" for first, second in pairs)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* of linear red, green, blue, at D65."""
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    x, y, z = (to_xyz @ np.clip(rgb, 0, 1)) / [0.95047, 1.0, 1.08883]
    fx, fy, fz = (np.cbrt(value) if value > 0.008856 else 7.787 * value + 16 / 116 for value in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


@pytest.mark.parametrize("tokens", [TOKENS, DARK], ids=["light", "dark"])
def test_every_colour_of_text_has_enough_contrast(tokens) -> None:
    """AA, 4.5 to 1, on the surface and on what is raised from it."""
    raised = mixed(tokens["ink"], tokens["zero"], 0.05)
    for name in ("ink", "quiet", "frame", "error", "positive", "negative"):
        assert contrast(tokens[name], tokens["zero"]) >= 4.5, name
    for name in ("ink", "quiet", "frame", "error"):
        assert contrast(tokens[name], raised) >= 4.5, f"{name} on {raised}"


@pytest.mark.parametrize("tokens", [TOKENS, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_that_mean_something_else_can_be_told_apart(tokens, deficiency) -> None:
    """A distance of 20 in L*a*b* is plainly another colour; 2 can just be seen."""
    seen = {
        name: lab(np.array(DEFICIENCIES[deficiency]) @ linear(tokens[name]))
        for name in ("positive", "negative", "zero")
    }
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 20, (one, other)


def opened(browser, studio, state: str, size: tuple[int, int], **options: Any) -> Any:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, **options)
    page.add_init_script("localStorage.setItem('pellucid-tour', 'seen')")
    page.goto(f"{studio.address}#/see?{state}")
    page.wait_for_selector("body[data-ready]")
    page.wait_for_selector("#answer .bar")
    return page


def serious(page) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.base")
    page.evaluate(axe.AXE_SCRIPT)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['target']} {node['html'][:160]} {node['failureSummary'][:200]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"][:3]
    ]


@pytest.mark.parametrize(
    ("scheme", "size"),
    [
        pytest.param("light", WIDE, id="light-wide"),
        pytest.param("dark", NARROW, id="dark-narrow"),
        pytest.param("dark", WIDE, id="dark-wide", marks=pytest.mark.slow),
        pytest.param("light", NARROW, id="light-narrow", marks=pytest.mark.slow),
    ],
)
def test_axe_finds_nothing_serious_in_any_view(studio, browser, scheme, size) -> None:
    page = opened(browser, studio, UNIT, size, color_scheme=scheme)
    page.wait_for_selector(".unit .verdict")
    found = {}
    addresses = page.eval_on_selector_all("#tabs a", "links => links.map((link) => link.hash)")
    for address in addresses:
        page.evaluate("address => { location.hash = address; }", address)
        page.wait_for_timeout(400)
        found[address] = serious(page)
    page.close()
    assert not any(found.values()), "\n".join(line for lines in found.values() for line in lines)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_nothing_serious_in_help_tour_cards_and_projector(studio, browser, size) -> None:
    page = opened(browser, studio, UNIT, size)
    page.wait_for_selector(".word")
    page.locator(".word").first.click()
    page.get_by_role("button", name="Help").click()
    found = {"help": serious(page)}
    page.get_by_role("button", name="Take the tour").click()
    page.wait_for_selector(".tour-card")
    found["tour"] = serious(page)
    page.get_by_role("button", name="Leave the tour").click()
    page.get_by_role("button", name="projector").click()
    page.wait_for_selector(".stops:not([hidden])")
    found["projector"] = serious(page)
    page.close()
    assert not any(found.values()), "\n".join(line for lines in found.values() for line in lines)


FOCUS = """() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const drawn = [...(at instanceof SVGElement ? at.children : [])].map((part) => getComputedStyle(part));
  const framed = drawn.some(({stroke, strokeWidth}) => stroke !== "none" && parseFloat(strokeWidth) >= 2);
  const seen = at.matches(":focus-visible") && (outlined || framed);
  return {seen, what: at.outerHTML.slice(0, 120), tag: at.tagName};
}"""


def test_the_whole_way_to_a_pixel_goes_by_keyboard_alone(studio, browser) -> None:
    """From the address bar to an image, a map, term after term, a pixel, and back; focus can be seen."""
    page = opened(browser, studio, "run=digits&image=test/1", WIDE)

    def tab_to(selector: str, limit: int = 150) -> None:
        for _ in range(limit):
            page.keyboard.press("Tab")
            focus = page.evaluate(FOCUS)
            if focus["tag"] != "BODY":
                assert focus["seen"], f"focus cannot be seen on {focus['what']}"
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"no Tab reaches {selector}")

    page.evaluate("document.body.focus()")
    tab_to(".skip")
    page.keyboard.press("Enter")
    tab_to('.sample[data-image="test/2"]')
    page.keyboard.press("Enter")
    page.wait_for_selector('.sample[data-image="test/2"][aria-pressed=true]')
    page.wait_for_selector(".layer .map")
    tab_to('.layer:not([data-node="0"]) .map')
    page.keyboard.press("Enter")
    page.wait_for_selector(".unit .verdict[data-agrees=true]")
    for _ in range(8):
        if page.locator(".unit .swatch").count():
            break
        before = page.evaluate("document.body.dataset.unit")
        tab_to(".unit .term")
        page.keyboard.press("Enter")
        page.wait_for_selector(f'body:not([data-unit="{before}"])')
    assert page.locator(".unit .swatch").count(), "it ends at a pixel"
    tab_to(".whole-map[tabindex]")
    unit = page.evaluate("document.body.dataset.unit")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(f'body:not([data-unit="{unit}"])')
    for _ in range(9):
        page.keyboard.press("Escape")
    page.wait_for_selector(".unit", state="detached")
    page.close()


def test_words_can_be_opened_and_closed_by_keyboard(studio, browser) -> None:
    page = opened(browser, studio, "run=digits&image=test/1", WIDE)
    page.wait_for_selector(".word")
    word = page.locator(".word").first
    word.focus()
    page.keyboard.press("Enter")
    card = page.locator(".card")
    assert card.is_visible()
    assert word.get_attribute("aria-expanded") == "true"
    edge = "(what, edge) => document.querySelector(what).getBoundingClientRect()[edge]"
    below = page.evaluate(f"({edge})('.card', 'top') - ({edge})('.word[aria-expanded=true]', 'bottom')")
    assert -2 <= below < 80
    page.keyboard.press("Escape")
    assert not card.count()
    assert page.evaluate("document.activeElement.matches('.word')")
    page.close()


def test_nothing_moves_for_who_asked_for_less_motion(studio, browser) -> None:
    page = opened(browser, studio, UNIT, WIDE, reduced_motion="reduce")
    page.wait_for_selector(".unit .verdict")
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((node) => {
          const style = getComputedStyle(node);
          const lasts = (text) => text.split(",").some((part) => parseFloat(part) > 0);
          const plays = style.animationName !== "none" && lasts(style.animationDuration);
          return lasts(style.transitionDuration) || plays || style.scrollBehavior === "smooth";
        }).map((node) => node.outerHTML.slice(0, 80))"""
    )
    assert moving == []
    assert page.evaluate("document.getAnimations().length") == 0
    page.close()
