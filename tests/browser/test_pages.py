"""The pages in real Chromium: both languages, any width, by keyboard, without scripts, with nothing to complain of."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from examples.guangan import places
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Town
from tests.browser.inspecting import contrast_faults, overflow_faults, structure_faults

pytestmark = [pytest.mark.browser, pytest.mark.town]

ARTEFACTS = Path(__file__).parents[2] / "artefacts"
POPULATION = "/find/1010010000001/000001/"
MAIN = {
    "find": ("/find/", "查数据", "Find data"),
    "todo": ("/todo/", "待办", "To do"),
    "share": ("/share/", "要共享", "Share"),
    "serve": ("/serve/", "办事", "Serve"),
    "prove": ("/prove/", "可举证", "Prove"),
    "oversee": ("/oversee/", "可监管", "Oversee"),
}


@pytest.fixture(scope="module")
def addresses(shared_town: Town) -> dict[str, list[str]]:
    """Every kind of page, by who opens it."""
    cases = shared_town.rows("clerk", "/serve/cases/")
    town = shared_town.story.town
    numbers = {
        "case": _first_link(town.visitor("clerk").get("/serve/cases/").text, "/serve/cases/"),
        "request": _first_link(town.visitor("auditor").get("/share/").text, "/share/requests/"),
    }
    grant = shared_town.rows("auditor", "/share/grants/")[0]["code"]
    digest = shared_town.rows("auditor", "/prove/")[0]["digest"]
    certificate = town.visitor("clerk").get(f"{numbers['case']}?format=json").json()["certificate"]
    assert len(cases) == 2
    item = f"/serve/items/{places.ITEM}"
    return {
        "": [
            "/",
            "/sign-in/",
            "/find/",
            "/find/?q=没有这样的目录",
            POPULATION,
            "/prove/check/",
            "/serve/",
            f"{item}/",
            "/serve/certificates/",
        ],
        "auditor": [
            "/todo/",
            "/share/",
            "/share/grants/",
            numbers["request"],
            f"/share/grants/{grant}/",
            "/prove/",
            f"/prove/receipts/{digest}/",
            "/oversee/",
            "/oversee/journal/",
            "/oversee/journal/?about=uses&decision=allow",
            "/prove/readings/",
            f"/prove/grants/{grant}/",
        ],
        "clerk": ["/", f"{item}/apply", "/serve/cases/", numbers["case"]]
        + ([f"/serve/certificates/{certificate}/"] if certificate else []),
        "education-officer": [POPULATION, "/share/request?resource=1010010000001/000001", "/find/drafts/"],
        "citizen": ["/prove/mine/", "/prove/mine/?all=1", "/serve/cases/"],
    }


def _first_link(text: str, under: str) -> str:
    """The last link in the page's list, the oldest row, to a page below ``under``."""
    links = [part.partition('"')[0] for part in text.split('href="') if part.startswith(under)]
    return [link for link in links if len(link) > len(under) + 30 and "?" not in link][-1]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_six_main_pages_are_walked_and_kept_as_pictures(town: Town, language: str) -> None:
    reader = town.reader("auditor", language=language)
    page = reader.open("/")
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"home-{language}.png", full_page=True)
    for name, (path, zh, en) in MAIN.items():
        words = en if language == "en" else zh
        page.get_by_role("navigation").first.get_by_role("link", name=words, exact=True).click()
        page.wait_for_url(f"{reader.address}{path}")
        current = page.locator("nav [aria-current=page]").first
        expect(current).to_have_text(words)
        assert page.locator("html").get_attribute("lang") == ("en" if language == "en" else "zh-hans")
        page.screenshot(path=ARTEFACTS / f"{name}-{language}.png", full_page=True)


@pytest.mark.parametrize("who", ["", "auditor", "clerk", "education-officer", "citizen"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_is_sound(town: Town, addresses: dict[str, list[str]], language: str, who: str) -> None:
    reader = town.reader(who, language=language)
    faults = {}
    for path in addresses[who]:
        page = reader.open(path)
        found = structure_faults(page) + contrast_faults(page)
        page.emulate_media(color_scheme="dark")
        found += [f"dark {fault}" for fault in contrast_faults(page)]
        page.emulate_media(color_scheme="light")
        for width in (640, 360):  # 1280 at 200 % zoom, and a telephone
            page.set_viewport_size({"width": width, "height": 800})
            found += [f"at {width} {fault}" for fault in overflow_faults(page)]
        page.set_viewport_size({"width": 1280, "height": 900})
        if found:
            faults[path] = found
    assert faults == {}


def test_pages_that_refuse_are_sound_too(town: Town) -> None:
    reader = town.reader("clerk")
    for path, status in (("/nowhere/", 404), ("/oversee/", 403), ("/find/1/000000/", 404)):
        page = reader.open(path, status)
        assert structure_faults(page) + contrast_faults(page) + overflow_faults(page) == []


def test_a_form_tells_every_fault_beside_its_field(town: Town) -> None:
    page = town.reader("clerk").open(f"/serve/items/{places.ITEM}/apply")
    page.locator("#child_id_number").fill("110101199003070010")
    page.get_by_role("button", name="受理并查询").click()
    expect(page.get_by_role("alert")).to_contain_text("尚未受理")
    expect(page.locator("#child_id_number")).to_have_attribute("aria-invalid", "true")
    assert structure_faults(page) + contrast_faults(page) == []


def test_the_keyboard_is_enough(town: Town) -> None:
    reader = town.reader()
    who = town.story.town.log_in("clerk")
    page = reader.open("/sign-in/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    assert page.locator(".skip").bounding_box()["y"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#id_username")).to_be_focused()
    assert page.locator("#id_username").evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.type("clerk")
    page.keyboard.press("Tab")
    page.keyboard.type(who["password"])
    page.keyboard.press("Enter")
    expect(page.locator(".visitor")).to_contain_text(who["name"])
    page = reader.open(f"/serve/items/{places.ITEM}/apply")
    page.locator("main").focus()
    while page.evaluate("document.activeElement.id") != "child_name":
        page.keyboard.press("Tab")
    for value in (
        "钱多",
        "110101201801010015",
        "110101",
        "钱大",
        "110101198801010011",
        "110101",
        "13800000000",
    ):
        page.keyboard.type(value)
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    assert page.locator("#guardian_phone").input_value() == "13800000000"


def test_everything_works_without_scripts(town: Town) -> None:
    reader = town.reader(java_script_enabled=False)
    page = reader.open("/find/")
    page.get_by_role("searchbox").fill("人口")
    page.get_by_role("button", name="搜索").click()
    expect(page.get_by_role("link", name="人口基本信息")).to_be_visible()
    assert "q=" in page.url
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Find data")
    assert "q=" in page.url, "the switch returns to the same page"
    page.get_by_role("button", name="中文").click()
    page.get_by_role("link", name="登录").first.click()
    page.get_by_role("button", name="区教科体局 许数").click()
    expect(page.locator(".visitor")).to_contain_text("许数")
    assert "/find/" in page.url, "signing in returns to where one was"
    page.get_by_role("link", name="人口基本信息").click()
    page.get_by_role("link", name="申请使用").click()
    page.get_by_role("button", name="提交申请").click()
    expect(page.get_by_role("alert")).to_contain_text("尚未提交")
    page.get_by_role("button", name="退出").click()
    expect(page.locator(".visitor")).to_contain_text("登录")


def test_scripts_only_make_the_search_quicker(town: Town) -> None:
    page = town.reader().open("/find/")
    page.evaluate("window.isSamePage = true")
    page.get_by_role("searchbox").fill("居住证")
    expect(page.locator("#found")).to_contain_text("居住证信息")
    expect(page.locator("#found .results > li")).to_have_count(1)
    page.wait_for_url("**q=%E5%B1%85**")
    page.get_by_role("searchbox").fill("量子涨落")
    expect(page.locator("#found .empty")).to_be_visible()
    assert page.evaluate("window.isSamePage"), "the page was not loaded anew"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_proof_is_checked_on_the_page(town: Town, tmp_path: Path, language: str) -> None:
    good = next(town.story.folder.glob("*.proof"))
    text = bytearray(good.read_bytes())
    text[len(text) // 2] ^= 1
    bad = tmp_path / "changed.proof"
    bad.write_bytes(text)
    page = town.reader(language=language).open("/prove/check/")
    page.locator("#proof").set_input_files([good, bad])
    page.locator("main form button").click()
    expect(page.get_by_role("status")).to_contain_text(
        "1 of 2 hold" if language == "en" else "2 个文件中 1 个成立"
    )
    holds, fails = page.locator(".notice.good"), page.locator(".notice.bad")
    expect(holds).to_contain_text("It holds" if language == "en" else "成立")
    expect(fails).to_contain_text("It does not hold" if language == "en" else "不成立")
    assert fails.get_by_role("listitem").count() >= 1
    assert structure_faults(page) + contrast_faults(page) == []


def test_an_auditor_takes_a_proof_along_and_it_holds(town: Town, tmp_path: Path) -> None:
    digest = town.rows("auditor", "/prove/")[0]["digest"]
    reader = town.reader("auditor")
    page = reader.open(f"/prove/receipts/{digest}/")
    with page.expect_download() as download:
        page.get_by_role("link", name="下载证明文件").click()
    taken = tmp_path / "taken.proof"
    download.value.save_as(taken)
    page = reader.open("/prove/check/")
    page.locator("#proof").set_input_files(taken)
    page.locator("main form button").click()
    expect(page.get_by_role("status")).to_contain_text("✓ 成立")


def test_the_program_on_a_grants_page_calls_as_it_stands(town: Town, addresses: dict[str, list[str]]) -> None:
    page = town.reader("auditor").open(addresses["auditor"][4])
    python = page.locator("#call ~ details").filter(has=page.locator("summary", has_text="Python"))
    program = python.first.locator("pre").text_content() or ""
    home = town.story.town.home("511600")
    program = program.replace("application.key", str(home / "keys" / "counter.key")).replace(
        '"…"', '"110101199003070011"'
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["receipt"]["body"]["decision"] == "allow"


def test_the_walk_shows_what_is_done_at_every_node(town: Town) -> None:
    for node, done in (("511600", 7), ("510000", 7), ("000000", 7)):
        page = town.reader(node=node).open("/")
        assert page.locator(".line > li.done").count() == done, node
        expect(page.locator(".tree .own")).to_contain_text(node)
        assert structure_faults(page) + overflow_faults(page) == []


def test_a_certificate_prints_without_the_frame(town: Town, addresses: dict[str, list[str]]) -> None:
    page = town.reader("clerk").open(addresses["clerk"][-1])
    page.emulate_media(media="print")
    for frame in (".band", ".tasks", ".trial"):
        expect(page.locator(frame)).to_be_hidden()
    expect(page.locator(".certificate h1")).to_be_visible()


def test_the_inspection_notices_bad_pages(chromium: Browser) -> None:
    page: Page = chromium.new_page(viewport={"width": 360, "height": 600})
    page.set_content(
        "<main><h2>a</h2><h4>b</h4><input><button></button><i id=x></i><i id=x></i><table><td>1</table>"
        "<p style='color:#999;background:#fff'>pale</p><svg role=img></svg><b style='display:block;width:600px'>wide</b>"
        "<p aria-labelledby=gone>c</p></main>"
    )
    found = json.dumps(structure_faults(page) + contrast_faults(page) + overflow_faults(page))
    page.close()
    for fault in (
        "not exactly one h1",
        "h2 is followed by h4",
        "no label",
        "no words",
        "id twice",
        "table without headings",
        "inline style",
        "picture without words",
        "names what is not there",
        "no language",
        "pale",
        "wider than its window",
    ):
        assert fault in found
