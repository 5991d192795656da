"""The page in which a network writes: what is in it, and in a real browser, what it does."""

import base64
import hashlib
import html
import json
import re

import numpy as np
import pytest
from small import BOOK, IDS, VOCAB, train
from test_project import ROOT

import rnn_core as rnn
from lab import memory
from lab.checkpoint import load_params, save_params
from lab.measured import BEST_PARAMS
from lab.training import Samples
from lab.units import detectors
from report.live import keep, main, page

HOSTILE = (
    "</script><img src=x onerror=alert(1)>&amp;\u2028\u2029<!--\"'\\`${1}\u202e\ud7ff" + "سلام 😀👩\u200d🔬 e\u0301\n"
)
EVERYTHING = {"held_out": BOOK, "yardsticks": {"unigram": 4.2}, "in_bits": 0.1, "about": "It read about a fox."}


@pytest.fixture(scope="module")
def run():
    return train(samples=Samples(VOCAB, every=30, length=5), steps=100)


def stored(made):
    """The data in a page."""
    return json.loads(re.search(r'<script id="data" type="application/json">([^<]*)</script>', made)[1])


def numbers(network, name="flat", kind=None):
    kind = kind or f"<f{network['float'] // 8}"
    return np.frombuffer(base64.b64decode(network[name]), kind)


def test_a_page_holds_the_network_exactly_and_those_on_the_way_as_float16(run):
    data = stored(page(run.best_params, VOCAB, run.best_h, run=run, **EVERYTHING))
    *on_the_way, best = data["networks"]
    np.testing.assert_array_equal(numbers(best), run.best_params.flat.astype(np.float32))
    np.testing.assert_array_equal(numbers(best, "h", "<f4"), run.best_h.astype(np.float32))
    assert [network["step"] for network in on_the_way] == [0, 30, 60, 90, 100]
    for network, sample in zip(on_the_way, run.samples, strict=True):
        np.testing.assert_array_equal(numbers(network), sample.params.flat.astype(np.float16))
        assert network["bits"] == pytest.approx(sample.smooth_loss / 10)
    assert data["smooth"][0] == [0, pytest.approx(run.smooth_losses[0] / 10, abs=1e-4)]
    assert data["smooth"][-1][0] == 99 and data["left_out"] == 0 and data["chars"] == VOCAB.chars


def test_a_page_says_what_the_network_needs_on_the_text_held_out_and_which_unit_knows_where_it_is(run):
    data = stored(page(run.best_params, VOCAB, run.best_h, **EVERYTHING))
    needed = rnn.bits_per_character(run.best_params.astype(float), IDS, run.best_h)
    assert data["networks"][-1]["bits"] == pytest.approx(needed) and data["held_out"] == len(BOOK)
    assert BOOK.startswith(data["prompt"], BOOK.index("\n") + 1) and BOOK.count(data["passage"])
    h = memory.read(run.best_params, IDS, run.best_h).h
    assert data["units"] == [found._asdict() for found in detectors(h, IDS[:-1], BOOK[:-1])] != []


def test_a_network_of_which_nothing_else_is_known_has_a_page_too():
    data = stored(page(rnn.init_params(3, 4), rnn.Vocabulary("abc")))
    assert (len(data["networks"]), data["prompt"], data["passage"], data["units"]) == (1, "a", "", [])
    assert data["smooth"] == [] and data["networks"][0]["bits"] is None


def test_what_is_not_finite_is_left_out(run):
    broken = type(run)(**vars(run) | {"samples": [sample._replace(smooth_loss=np.nan) for sample in run.samples]})
    data = stored(page(run.params, VOCAB, run=broken, yardsticks={"bigram": 3.5, "unigram": np.inf}))
    assert (len(data["networks"]), data["smooth"], data["yardsticks"]) == (1, [], {"bigram": 3.5})


def test_nothing_in_a_book_ends_the_element_that_it_stands_in():
    vocab = rnn.Vocabulary(HOSTILE)
    made = page(rnn.init_params(vocab.size, 4), vocab, held_out=9 * HOSTILE, about=HOSTILE)
    data = stored(made)
    assert data["chars"] == vocab.chars and data["about"] == HOSTILE and (9 * HOSTILE).count(data["passage"])
    assert made.count("</script>") == 2 and not re.search("[\u2028\u2029]", made)


def test_networks_that_do_not_fit_are_left_out_and_counted(run):
    vocab = rnn.Vocabulary("".join(map(chr, range(0x4E00, 0x4E00 + 5000))))
    params = rnn.init_params(vocab.size, 100, dtype=np.float32)
    samples = [run.samples[0]._replace(step=step, params=params) for step in range(0, 60, 10)]
    run = type(run)(**vars(run) | {"samples": samples})
    made = page(params, vocab, run=run)
    data = stored(made)
    assert (len(data["networks"]), data["left_out"], data["networks"][0]["float"]) == (1, 6, 16)
    assert len(made.encode()) < 3_000_000


def test_only_the_style_and_the_script_of_the_template_may_run(run):
    made = page(run.params, VOCAB)
    policy = html.unescape(re.search('Content-Security-Policy" content="(.*?)"', made)[1])
    for tag in ("style", "script"):
        digest = hashlib.sha256(re.search(f"(?s)<{tag}>(.*?)</{tag}>", made)[1].encode()).digest()
        assert f"{tag}-src 'sha256-{base64.b64encode(digest).decode()}';" in policy
    assert policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy


def test_the_command_puts_any_saved_network_into_a_page_beside_it(tmp_path, capsys):
    file = tmp_path / "my.npz"
    save_params(file, rnn.init_params(VOCAB.size, 5), VOCAB, "It has read <nothing>.")
    assert main([str(file)]) == 0
    assert capsys.readouterr().out == f"The network writes in {tmp_path / 'my-live.html'}\n"
    assert main([str(file), "--out", str(tmp_path / "page.html")]) == 0
    made = [(tmp_path / name).read_text(encoding="utf-8") for name in ("my-live.html", "page.html")]
    assert made[0] == made[1] and stored(made[0])["networks"][0]["m"] == 5
    assert stored(made[0])["about"] == "It has read <nothing>."


def test_the_command_says_in_one_sentence_what_went_wrong(tmp_path):
    assert main([str(tmp_path / "no.npz")]) == f"There is no file with saved parameters at '{tmp_path / 'no.npz'}'."
    file = tmp_path / "my.npz"
    save_params(file, rnn.init_params(VOCAB.size, 5), VOCAB)
    assert "nowhere" in main([str(file), "--out", str(tmp_path / "nowhere" / "page.html")])


def test_a_report_keeps_its_page_beside_its_pdf_or_warns_and_goes_on(run, tmp_path, monkeypatch, recwarn):
    monkeypatch.setenv("LAB4_BUILD", str(tmp_path / "build"))
    keep(run.params, VOCAB, run.h, run=run)
    assert (tmp_path / "build" / "lab4-live.html").read_text(encoding="utf-8") == page(
        run.params, VOCAB, run.h, run=run
    )
    (tmp_path / "file").touch()
    monkeypatch.setenv("LAB4_BUILD", str(tmp_path / "file"))
    keep(run.params, VOCAB)
    assert "The page of the network could not be saved" in str(recwarn.pop(RuntimeWarning).message)


# ------------------------------------------------------------------------------------------------ in a real browser


@pytest.fixture(scope="module")
def chromium():
    from browser import launched  # here: only these tests are skipped where there is none

    with launched() as chromium:
        yield chromium


@pytest.fixture
def opened(chromium, tmp_path):
    """Open a page from its file, and fail on whatever it logs."""
    tabs, logged = [], []

    def open_page(made, **options):
        file = tmp_path / "page.html"
        file.write_text(made, encoding="utf-8", newline="\n")
        tab = chromium.new_page(**options)
        tabs.append(tab)
        tab.on("console", lambda message: logged.append(message.text))
        tab.on("pageerror", lambda error: logged.append(str(error)))
        tab.on("dialog", lambda dialog: logged.append(dialog.message))
        tab.goto(file.as_uri())
        return tab

    yield open_page
    for tab in tabs:
        tab.close()
    assert not logged


@pytest.fixture(scope="module")
def trained():
    """A network of the size of the report's, and the book that it has read."""
    return *load_params(BEST_PARAMS), rnn.read_book(ROOT / "data" / "the_drowned_bell.txt")


@pytest.fixture(scope="module")
def everything(run):
    return page(run.best_params, VOCAB, run.best_h, run=run, **EVERYTHING)


def test_the_probabilities_are_those_of_rnn_core(trained, opened):
    params, vocab, text = trained
    ids = vocab.encode(text[-1001:])
    tab = opened(page(params, vocab))
    ours = tab.evaluate("ids => Array.from(reading(net, ids), made => Array.from(made.p))", ids[:-1].tolist())
    theirs = rnn.forward(params.astype(float), ids[:-1], ids[1:], np.zeros(params.hidden_size)).p
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)


class Uniform(np.random.Generator):
    """mulberry32, as the page has it."""

    def __init__(self, seed):
        super().__init__(np.random.PCG64())
        self.seed = seed

    def random(self):
        self.seed = (self.seed + 0x6D2B79F5) % 2**32
        z = (self.seed ^ self.seed >> 15) * (self.seed | 1) % 2**32
        z ^= (z + (z ^ z >> 7) * (z | 61)) % 2**32
        return (z ^ z >> 14) / 2**32


@pytest.mark.parametrize(("temperature", "top_p"), [(1, 1), (0.5, 1), (1.5, 0.9), (0.8, 0.35), (0, 1)])
def test_it_writes_what_synthesize_writes_from_the_same_random_numbers(temperature, top_p, trained, opened):
    params, vocab, _ = trained
    tab = opened(page(params, vocab))
    tab.fill("#prompt", "Wren ")
    tab.fill("#seed", "7")
    for name, value in (("temperature", temperature), ("top-p", top_p)):
        tab.locator(f"#{name}").fill(str(value))
    tab.evaluate("writeOn(500)")
    options = {"temperature": temperature, "top_p": top_p, "seed": Uniform(7)}
    assert tab.locator("#written").text_content() == rnn.synthesize(
        params.astype(float), vocab, 500, "Wren ", **options
    )


def test_a_network_on_the_way_writes_with_its_own_parameters_and_state(run, everything, opened):
    tab = opened(everything)
    tab.fill("#prompt", "fox ")
    tab.locator("#step").fill("2")
    sample = run.samples[2]
    params = sample.params.like(sample.params.flat.astype(np.float16).astype(float))
    h = sample.h.astype(np.float32).astype(float)
    written = rnn.synthesize(params, VOCAB, 300, "fox ", temperature=0.8, seed=Uniform(1), h0=h)
    assert tab.locator("#then").text_content() == "fox " + written
    assert tab.locator("#when").inner_text().startswith("After 60 update steps: ")


@pytest.mark.parametrize("book", [HOSTILE, "سلام دنیا\n", "天地玄黃\n宇宙洪荒", "😀👩\u200d🔬e\u0301 "])
def test_text_in_any_script_comes_out_as_exactly_its_characters_and_nothing_runs(book, opened):
    vocab = rnn.Vocabulary(book)
    tab = opened(page(rnn.init_params(vocab.size, 4), vocab, held_out=9 * book, about=book))
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    assert tab.locator("#about").text_content() == book
    passage = tab.locator("#passage").input_value()
    assert (9 * book).count(passage)
    for place in ("#shaded", "#coloured"):
        assert tab.locator(place).text_content() == passage.replace("\n", "¶\n")
    assert set(tab.locator("#written").text_content()) <= set(book)
    tab.fill("#prompt", book)
    assert tab.locator("#read").text_content() == book and not tab.locator("#unknown").text_content()
    assert not asked and tab.locator("img, body script:not(#data)").count() == 1  # its own


def test_nothing_can_be_fetched_and_nothing_else_can_run(everything, chromium, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(everything, encoding="utf-8", newline="\n")
    tab = chromium.new_page()
    tab.goto(file.as_uri())
    refused = tab.evaluate("""async () => {
        const refused = []
        document.addEventListener("securitypolicyviolation", event => refused.push(event.effectiveDirective))
        document.body.append(make("img", {src: "https://example.org/a.png"}), make("script", {}, "window.ran = 1"))
        await fetch("https://example.org").catch(() => {})
        await new Promise(done => setTimeout(done, 100))
        return refused
    }""")
    assert sorted(refused) == ["connect-src", "img-src", "script-src-elem"]
    assert tab.evaluate("window.ran ?? 0") == 0
    tab.close()


def test_characters_that_the_book_does_not_have_are_named_and_shown(everything, opened):
    tab = opened(everything)
    tab.fill("#prompt", "foxÜ\tÜ")
    named = "The book does not have Ü (U+00DC), ⇥ (U+0009): the network cannot read them, and leaves them out."
    assert tab.locator("#unknown").text_content() == named
    assert tab.locator("#read").text_content() == "foxÜ\tÜ" and tab.locator("#read s").count() == 3
    tab.fill("#prompt", "")
    assert tab.locator("#next").inner_text() == "Type at least one character of the book."
    tab.locator("#go").click()
    assert tab.locator("#written").text_content() == "" and tab.locator("#go").inner_text() == "Write"


def test_only_the_beginning_of_a_text_that_is_too_long_is_read_and_a_sentence_says_so(everything, opened):
    from browser import playwright

    tab = opened(everything)
    tab.fill("#passage", 2500 * "fox")
    said = " Of this text the first 5,000 characters are read."
    playwright.expect(tab.locator("#passage-unknown")).to_have_text(said.strip())
    assert tab.locator("#shaded").text_content() == (2500 * "fox")[:5000]
    assert tab.locator("#yardsticks-about").inner_text().count("4,999 characters are few")


def test_it_writes_stops_goes_on_and_begins_again_and_says_it_in_pieces(everything, opened):
    from browser import playwright

    tab = opened(everything)
    written, go = tab.locator("#written"), tab.locator("#go")
    tab.evaluate("""() => {
        window.said = []
        const place = document.getElementById("announcement")
        new MutationObserver(() => said.push(place.textContent)).observe(place, {childList: true})
    }""")
    tab.fill("#prompt", "the ")
    tab.locator("#speed").fill("7")
    go.click()
    playwright.expect(go).to_have_text("Go on", timeout=20_000)  # at the end of what it may write
    whole = written.text_content()
    assert len(whole) == 5000
    said = [piece for piece in tab.evaluate("said") if piece]
    assert "".join(said) == whole and min(map(len, said[:-1])) > 40
    tab.locator("#speed").fill("2")
    tab.locator("#again").click()
    tab.wait_for_timeout(300)
    go.click()
    first = written.text_content()
    assert go.inner_text() == "Go on" and first and whole.startswith(first)
    tab.wait_for_timeout(100)
    assert written.text_content() == first
    tab.locator("#next button").first.click()
    assert len(written.text_content()) == len(first) + 1


def test_the_keyboard_alone_shows_what_was_expected_and_picks_units(everything, opened):
    tab = opened(everything)
    tab.locator("#shaded").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "End", "ArrowLeft"):
        tab.keyboard.press(key)
    active = tab.locator("#shaded .active")
    assert active.get_attribute("id") == tab.locator("#shaded").get_attribute("aria-activedescendant")
    assert re.fullmatch(r".+, \d+\.\d bits; expected (.+ \S+%, ){2}.+ \S+%", active.get_attribute("aria-label"))
    assert tab.locator("#card").is_visible() and " bits" in tab.locator("#card").inner_text()
    tab.keyboard.press("Escape")
    assert not tab.locator("#card").is_visible() and active.count() == 0
    tab.locator("#state").focus()
    tab.keyboard.press("Home")
    tab.keyboard.press("ArrowRight")
    assert tab.locator("#unit-says").inner_text().startswith("Unit 2 of 12.")
    value = float(tab.locator("#coloured [role=option]").nth(20).get_attribute("aria-label").split(", ")[-1])
    assert value == pytest.approx(tab.evaluate("passage.signs[20].h[1]"), abs=0.006)


def test_the_text_that_it_writes_takes_the_colours_of_a_unit_too(everything, opened):
    tab = opened(everything)
    tab.get_by_label("what it writes").check()
    tab.evaluate("writeOn(10)")
    shown = tab.locator("#read").text_content() + tab.locator("#written").text_content()
    assert tab.locator("#coloured").text_content() == shown.replace("\n", "¶\n")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_it_is_accessible_and_fits_any_screen(width, scheme, run, opened):
    from browser import axe

    made = page(run.best_params, VOCAB, run.best_h, run=run, **EVERYTHING | {"held_out": BOOK[:150]})
    tab = opened(made, viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab.locator("#shaded [role=option]").nth(30).click()
    found = axe.Axe().run(tab)
    assert not found.violations_count, found.generate_report()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
