"""The page of explore.py in a real browser: its neighbours, its map, its slider, its manners."""

import os
import re
import shutil
import time

import numpy as np
import pytest
from test_explore import link_run, neighbours, save_run

import explore
from common.checkpoints import write_losses
from common.vectors import write_text
from common.word_choice import ASSIGNMENT_WORDS

pytestmark = pytest.mark.slow  # with the tests that need packages of their own

DRAWN = [word for group in ASSIGNMENT_WORDS.values() for word in group]
MARKUP = "</script><img/src=x/onerror=document.title='run'>"
PHONE, LAPTOP = (390, 844, True), (1280, 800, False)


# ------------------------------------------------------------------------------------- the browser
class Browser:
    """A headless Chromium and what the tests do with it."""

    def __init__(self, driver):
        self.driver = driver
        self.run = driver.execute_script

    def open(self, folder, size=LAPTOP, scheme="light"):
        """Open the page in a folder, in a window of this width and height, and perhaps a phone."""
        width, height, is_phone = size
        self.driver.get_log("browser")
        screen = dict(width=width, height=height, mobile=is_phone, deviceScaleFactor=1)
        self.command("Emulation.setDeviceMetricsOverride", screen)
        self.command("Emulation.setTouchEmulationEnabled", dict(enabled=is_phone))
        features = [
            dict(name="prefers-color-scheme", value=scheme),
            dict(name="prefers-reduced-motion", value="reduce"),  # nothing to wait for
        ]
        self.command("Emulation.setEmulatedMedia", dict(features=features))
        self.driver.get((folder / "word_vectors.html").as_uri())
        self.settle()

    def command(self, name, arguments):
        self.driver.execute_cdp_cmd(name, arguments)

    def settle(self):
        """Wait for the map to be drawn."""
        script = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
        self.driver.execute_async_script(script)

    def find(self, selector):
        return self.driver.find_elements("css selector", selector)

    def search(self, text):
        """Type a text into the search box, and Enter."""
        [box] = self.find("input[type=search]")
        box.clear()
        box.send_keys(text + "\n")
        self.settle()

    def neighbours(self):
        """The words and cosines in the list."""
        items = [item.text.rsplit(maxsplit=1) for item in self.find("#neighbours li")]
        return [(word, float(cosine)) for word, cosine in items]

    def labels(self):
        """The position on the map of each labelled word."""
        script = "return [...document.querySelectorAll('#labels button')]"
        script += (
            ".map(b => [b.textContent, b.getBoundingClientRect().x, b.getBoundingClientRect().y])"
        )
        return {word: np.array(point) for word, *point in self.run(script)}

    def move_slider(self, value):
        script = "const s = document.querySelector('input[type=range]'); s.value = arguments[0];"
        self.run(script + " s.dispatchEvent(new Event('input'))", value)
        self.settle()


@pytest.fixture(scope="module")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, chromedriver = map(shutil.which, ("chromium", "chromedriver"))
    if not (chromium and chromedriver):
        pytest.skip("no chromium and chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", *as_root):
        options.add_argument(argument)
    service = webdriver.ChromeService(chromedriver)
    with webdriver.Chrome(options=options, service=service) as driver:
        driver.set_script_timeout(60)
        yield Browser(driver)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The folder of a small run, with its page."""
    folder = tmp_path_factory.mktemp("page")
    others = [*(f"word{i}" for i in range(60)), ".", MARKUP, "first-time", "UNK"]
    save_run(folder, [*DRAWN, *others], (5000, 10000, 15000))
    write_losses(folder, [(n, 9.0, 20 - n / 1000) for n in range(10, 15001, 10)])
    make_page("--output", folder)
    return folder


def make_page(*options):
    explore.main(["--html", *map(str, options)])


# ------------------------------------------------------------------------------------- neighbours
@pytest.fixture
def check_neighbours(browser, call_main):
    """A function that compares the page's neighbours with the command's."""

    def check(query, *options):
        status, out, err = call_main(explore.main, *query.split(), *options)
        assert status == 0, err
        browser.search(query)
        assert browser.neighbours() == neighbours(out)
        assert len(browser.neighbours()) == 10

    return check


@pytest.mark.parametrize("more", [[], ["--raw"], ["--punctuation"], ["--among", "40"]])
def test_neighbours_are_those_of_the_command(browser, page, check_neighbours, more):
    make_page("--output", page, *more)
    browser.open(page)
    for query in ("great", "WORD3", "king - man + woman", "- rain + tea + tea", "first-time", "."):
        check_neighbours(query, "--output", page, *more)


def test_neighbours_of_the_assignments_run_are_those_of_the_command(
    browser, check_neighbours, full_run, sst, tmp_path
):
    link_run(tmp_path, full_run, sst)
    make_page("--output", tmp_path)
    browser.open(tmp_path)
    assert len(set(DRAWN) & set(browser.labels())) >= 20  # a few would lie on others
    for query in ("bad", "funny", "the", "zoolander", "king - man + woman"):
        check_neighbours(query, "--output", tmp_path)


def test_the_page_opens_at_the_words_of_the_command_line(browser, page):
    make_page("--output", page, "king", "-", "man")
    browser.open(page)
    assert [h.text for h in browser.find("h2")] == ["king \N{MINUS SIGN} man"]
    make_page("--output", page)
    browser.open(page)
    assert [h.text for h in browser.find("h2")] == ["great"]


def test_a_click_on_a_word_lists_its_neighbours(browser, page):
    browser.open(page)
    [king] = [label for label in browser.find("#labels button") if label.text == "king"]
    king.click()
    assert browser.find("h2")[0].text == "king"
    [first, *_] = browser.find("#neighbours button")
    name = first.text
    first.click()
    assert browser.find("h2")[0].text == name


def test_a_click_on_a_dot_lists_its_neighbours(browser, page):
    browser.open(page)
    browser.search("word7")
    [label] = [label.rect for label in browser.find("#labels button") if label.text == "word7"]
    browser.search("king")
    x, y, w, h = (label[name] for name in ("x", "y", "width", "height"))
    found = set()  # the dot is on one side of its label
    for dx, dy in ((-6, h / 2), (w + 6, h / 2), (w / 2, -7), (w / 2, h + 7)):
        for kind in ("mousePressed", "mouseReleased"):
            mouse = dict(type=kind, x=x + dx, y=y + dy, button="left", clickCount=1)
            browser.command("Input.dispatchMouseEvent", mouse)
        found.add(browser.find("h2")[0].text)
    assert "word7" in found


def test_a_word_that_is_not_drawn_is_put_on_the_map(browser, page):
    browser.open(page)
    assert "word59" not in browser.labels()
    browser.search("word59")
    assert "word59" in browser.labels()
    browser.search("king")
    assert "word59" in browser.labels()  # it stays


@pytest.mark.parametrize(
    "text, message",
    [("wordd", "wordd.*word5"), ("king man - woman", "analogy"), ("king -", "analogy")],
)
def test_what_is_not_known_is_told_and_the_list_stays(browser, page, text, message):
    browser.open(page)
    browser.search("king")
    before = browser.neighbours()
    browser.search(text)
    assert re.search(message, browser.find("[role=status]")[0].text)
    assert browser.neighbours() == before
    browser.search("queen")
    assert browser.find("[role=status]")[0].text == ""


# ------------------------------------------------------------------------------------- the map
def shift_and_growth(before, after):
    """How far the labels went (2,) and how much farther apart they are; some change sides."""
    words = sorted(set(before) & set(after))
    old, new = (np.array([labels[word] for word in words]) for labels in (before, after))
    one, other = np.argmin(old[:, 0]), np.argmax(old[:, 0])
    growth = np.linalg.norm(new[one] - new[other]) / np.linalg.norm(old[one] - old[other])
    return np.median(new - old, axis=0), growth


def test_the_map_zooms_and_moves_by_keys_buttons_and_wheel(browser, page):
    browser.open(page)
    first = browser.labels()
    growth = lambda: shift_and_growth(first, browser.labels())[1]  # noqa: E731
    [area] = browser.find("#map")
    area.send_keys("\ue014")  # right
    browser.settle()
    assert shift_and_growth(first, browser.labels())[0] == pytest.approx([-60, 0], abs=1)
    press = {
        label: lambda label=label: area.send_keys(label) for label in ("+", "-", "0", "\ue011")
    }
    for label in ("Zoom in", "Zoom out", "Show all drawn words"):
        [button] = browser.find(f"button[aria-label='{label}']")
        press[label] = button.click
    for larger, back in (("+", "-"), ("+", "0"), ("+", "\ue011"), ("Zoom in", "Zoom out")):
        press["Show all drawn words"]()
        press[larger]()
        browser.settle()
        assert growth() > 1.3
        press[back]()
        browser.settle()
        assert growth() == pytest.approx(1, abs=0.01)
    x, y = first["king"].tolist()
    wheel = dict(type="mouseWheel", x=x, y=y, deltaX=0, deltaY=-300)
    browser.command("Input.dispatchMouseEvent", wheel)
    deadline = time.monotonic() + 20
    while growth() < 1.3 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert growth() > 1.3
    assert np.abs(browser.labels()["king"] - first["king"]).max() < 50  # it stays below the mouse


def test_the_map_moves_by_touch_and_zooms_by_pinching(browser, page):
    browser.open(page, PHONE)
    browser.run("document.querySelector('#map').scrollIntoView()")
    browser.settle()
    first = browser.labels()
    [area] = browser.find("#map")
    x, y = browser.run("return (b => [b.x + b.width / 2, b.y + b.height / 2])"
                       "(arguments[0].getBoundingClientRect())", area)  # fmt: skip

    def touch(kind, *points):
        points = [dict(x=px, y=py, id=number) for number, (px, py) in enumerate(points)]
        browser.command("Input.dispatchTouchEvent", dict(type=kind, touchPoints=points))
        browser.settle()

    touch("touchStart", (x, y))
    touch("touchMove", (x + 30, y + 10))
    touch("touchEnd")
    assert shift_and_growth(first, browser.labels())[0] == pytest.approx([30, 10], abs=1)
    touch("touchStart", (x - 20, y), (x + 20, y))
    touch("touchMove", (x - 30, y), (x + 30, y))
    touch("touchEnd")
    assert shift_and_growth(first, browser.labels())[1] == pytest.approx(1.5, rel=0.25)


def test_the_map_moves_by_a_drag_that_may_end_outside(browser, page):
    browser.open(page)
    first = browser.labels()

    def mouse(kind, x, y, buttons=1):
        event = dict(type=kind, x=x, y=y, buttons=buttons, clickCount=1)
        browser.command(
            "Input.dispatchMouseEvent", {**event, "button": "left" if buttons else "none"}
        )
        browser.settle()

    x, y = (first["king"] + 5).tolist()  # a drag may begin on a word, and is no click on it
    mouse("mousePressed", x, y)
    mouse("mouseMoved", x + 20, y)
    mouse("mouseMoved", x + 40, y)
    mouse("mouseReleased", x + 40, y)
    assert browser.labels()["king"] - first["king"] == pytest.approx([40, 0], abs=1)
    assert browser.find("h2")[0].text == "great"
    x, y = 900, 500  # from a free place of the map into the list beside it
    for to in (x, x + 20, x + 100):
        mouse("mousePressed" if to == x else "mouseMoved", to, y)
    mouse("mouseReleased", x + 100, y)
    mouse("mouseMoved", x - 200, y, buttons=0)
    assert browser.labels()["king"] - first["king"] == pytest.approx([140, 0], abs=1)


def test_more_words_are_named_from_near(browser, page):
    browser.open(page)
    assert not [word for word in browser.labels() if word.startswith("word6")]
    before = len(browser.labels())
    browser.find("button[aria-label='Zoom in']")[0].click()
    browser.settle()
    assert len(browser.labels()) > before


# ------------------------------------------------------------------------------------- the slider
def test_words_move_with_the_slider_and_the_curve_shows_where_one_is(browser, page):
    browser.open(page)
    [slider], [marker] = browser.find("input[type=range]"), browser.find("#losses line")
    assert (slider.get_attribute("min"), slider.get_attribute("max")) == ("0", "2")
    at_the_end = browser.labels()
    assert "15,000" in browser.find("footer label")[0].text
    assert marker.get_attribute("x1") == "1000"
    browser.move_slider(0)
    text = browser.find("footer label")[0].text
    assert "5,000 of 15,000" in text and "15.00" in text  # the loss
    assert slider.get_attribute("aria-valuetext") in text
    assert float(marker.get_attribute("x1")) == pytest.approx(1000 / 3)
    at_first = browser.labels()
    both = set(at_first) & set(at_the_end)
    assert all(np.abs(at_first[word] - at_the_end[word]).max() > 1 for word in both)
    slider.send_keys("\ue014\ue014")  # right, twice
    browser.settle()
    assert browser.labels()["king"] == pytest.approx(at_the_end["king"], abs=1)
    points = browser.find("#losses polyline")[0].get_attribute("points").split()
    assert 300 < len(points) < 600


def test_vectors_of_a_text_have_no_slider(browser, check_neighbours, tmp_path):
    vectors = np.random.RandomState(0).randn(80, 5)
    write_text(tmp_path / "v.txt", [f"text{i}" for i in range(80)], vectors)
    make_page("--vectors", tmp_path / "v.txt", "--output", tmp_path)
    browser.open(tmp_path)
    assert not browser.find("footer")[0].is_displayed()
    check_neighbours("text5", "--vectors", tmp_path / "v.txt")


# ------------------------------------------------------------------------------------- manners
def test_words_are_text_and_never_markup(browser, page):
    browser.open(page)
    browser.search(MARKUP)
    assert browser.find("h2")[0].text == MARKUP
    assert MARKUP in browser.labels()
    assert browser.find("img") == [] and "run" not in browser.driver.title.split()


def test_the_page_needs_no_network_and_has_no_errors(browser, page):
    browser.open(page)
    browser.search("king - man + woman")
    browser.move_slider(1)
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.driver.get_log("browser") == []


def luminance(color):
    """The relative luminance of a CSS color, of the Web Content Accessibility Guidelines."""
    channels = np.array([int(x) for x in re.findall(r"\d+", color)[:3]]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast_in_light_and_dark(browser, page, scheme):
    browser.open(page, scheme=scheme)
    color = "return getComputedStyle(arguments[0]).getPropertyValue(arguments[1])"
    [body] = browser.find("body")
    ground = luminance(browser.run(color, body, "background-color"))
    assert (ground > 0.5) == (scheme == "light")
    selector = "header p, label, .word.drawn, .word.near, .axis, #legend li, #neighbours *, #about"
    texts = browser.find(selector)
    assert len(texts) > 40
    for text in texts:
        pair = sorted([luminance(browser.run(color, text, "color")), ground])
        assert (pair[1] + 0.05) / (pair[0] + 0.05) > 4.5, text.text


def test_groups_have_a_shape_each_not_a_colour_only(browser, page):
    browser.open(page)
    legend = [item.text.split() for item in browser.find("#legend li")]
    assert [name for _, name in legend] == list(ASSIGNMENT_WORDS)
    assert len({shape for shape, _ in legend}) == len(legend)


def test_a_phone_need_not_scroll_sideways(browser, page):
    browser.open(page, PHONE)
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    for element in browser.find("header, #map, aside, footer, input, header button"):
        box = element.rect
        assert 0 <= box["x"] and box["x"] + box["width"] <= 390 and box["height"] > 20


def test_what_can_be_used_has_a_name_for_those_who_do_not_see_it(browser, page):
    browser.open(page)
    elements = browser.find("input, button, #map, #losses, #legend, aside")
    assert len(elements) > 30
    assert [element.tag_name for element in elements if not element.accessible_name.strip()] == []
