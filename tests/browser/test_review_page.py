# SPDX-License-Identifier: Apache-2.0
"""The page for dailies in a real Chromium, opened from disk: a thousand shots, exact frames, keys,
notes, screen readers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import DESK, LAPTOP, PHONE, until
from tests.browser.make_document import HOSTILE, TAKE_MARK, number_in
from tests.conftest import absent

Opened = Callable[..., Any]
# Work of the page's own kind, and what it costs on the machine whose numbers
# docs/how-it-works/measurements/farm-and-record.md gives: another may be several times slower.
KNOWN_WORK = """() => {
  const rows = JSON.stringify(
    Array.from({ length: 60000 }, (_, number) => ({ number, text: "line " + number })));
  for (let round = 0; round < 3; round += 1) JSON.parse(rows);
  const list = document.body.appendChild(document.createElement("div"));
  for (let number = 0; number < 5000; number += 1)
    list.appendChild(document.createElement("p")).textContent = "row " + number;
  const high = list.offsetHeight;
  list.remove();
  return high;
}"""
KNOWN_WORK_SECONDS = 0.12


def shown_frame(page: Any) -> int:
    return int(page.evaluate("Number(document.getElementById('frame').dataset.frame)"))


def burned_in(page: Any, key: str = "film") -> int:
    return number_in(page.locator(f"[data-key='{key}'] video").screenshot())


def come_to(page: Any, frame: int) -> None:
    until(page, f"document.getElementById('frame').dataset.frame === '{frame}'")


def go_to(page: Any, frame: int) -> None:
    page.fill("#frame", str(frame))
    page.keyboard.press("Enter")
    come_to(page, frame)


def selected(page: Any) -> str:
    return str(page.locator("[role=option][data-active=true] b").first.inner_text())


def status_text(page: Any) -> str:
    return str(page.locator("[role=status]").inner_text())


def cpu_seconds(meter: Any) -> float:
    """What the page's process has worked so far, all threads. On a machine that others use too, the
    clock says nothing."""
    told = {one["name"]: one["value"] for one in meter.send("Performance.getMetrics")["metrics"]}
    return float(told["ProcessTime"])


def stored_notes(page: Any) -> list[dict[str, Any]]:
    """The notes that the browser keeps."""
    return list(
        json.loads(page.evaluate("localStorage.getItem('callsheet-notes:made-up-1000') || '[]'"))
    )


def test_a_thousand_shots_are_there_within_two_seconds_and_only_those_seen_are_drawn(
    opened: Opened, made_up: Path
) -> None:
    page = opened("about:blank", wait=False)
    meter = page.context.new_cdp_session(page)
    meter.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(made_up.as_uri())
    until(page, "document.querySelectorAll('#shots [role=option]').length > 5")
    spent = cpu_seconds(meter)
    page.evaluate(KNOWN_WORK)
    slowness = (cpu_seconds(meter) - spent) / KNOWN_WORK_SECONDS
    assert spent < 2 * max(1, slowness)
    assert page.locator("#shots [role=option]").count() < 40
    assert page.locator("#shots [role=option]").first.get_attribute("aria-setsize") == "1000"
    page.locator("#shots").focus()
    page.keyboard.press("End")
    come_to(page, 3996)
    assert selected(page) == "sc20_sh500"


def test_the_frame_burned_into_the_picture_is_the_one_whose_number_is_shown(
    opened: Opened, made_up: Path
) -> None:
    page = opened(made_up.as_uri())
    seen = []
    go_to(page, 1000)
    seen.append((1000, burned_in(page)))
    for key, frame in ((".", 1001), (".", 1002), (",", 1001), (">", 1011), ("<", 1001)):
        page.keyboard.press(key)
        come_to(page, frame)
        seen.append((frame, burned_in(page)))
    for frame in (0, 1, 12, 249, 250, 251, 3998, 3999):  # beside key frames, at both ends
        go_to(page, frame)
        seen.append((frame, burned_in(page)))
    assert [shown for shown, _ in seen] == [burned for _, burned in seen]


def test_many_quick_steps_end_where_they_lead_to(opened: Opened, made_up: Path) -> None:
    page = opened(made_up.as_uri())
    for _ in range(30):
        page.keyboard.press(".")
    come_to(page, 30)
    assert burned_in(page) == 30


def test_takes_stand_side_by_side_and_under_a_wipe_at_the_same_frame(
    opened: Opened, made_up: Path
) -> None:
    page = opened(made_up.as_uri())
    page.keyboard.press("ArrowDown")
    come_to(page, 4)
    page.keyboard.press("s")
    page.keyboard.press(".")
    come_to(page, 5)
    labels = page.locator(".decoded")
    until(
        page, "[...document.querySelectorAll('.decoded')].every((one) => one.textContent === '5')"
    )
    assert labels.count() == 2
    # the take begins two frames before its shot, at 4
    assert burned_in(page, "take:take-sc01_sh020-7") == 5 - 2
    assert burned_in(page, "take:take-sc01_sh020-8") == TAKE_MARK + 5 - 2
    page.keyboard.press("w")
    page.locator(".compared input[type=range]").focus()
    page.keyboard.press("Home")  # nothing is left of the left take: the right one covers it
    until(
        page, "[...document.querySelectorAll('.decoded')].every((one) => one.textContent === '5')"
    )
    assert burned_in(page, "take:take-sc01_sh020-8") == TAKE_MARK + 3
    page.keyboard.press("End")
    assert burned_in(page, "take:take-sc01_sh020-7") == 3
    page.keyboard.press("b")
    until(page, "document.querySelector('.decoded').textContent === '5'")
    assert page.locator(".pane.whole figcaption").inner_text() == "Before colour 5"


def test_without_a_version_the_takes_are_seen_and_tell_the_frame(
    opened: Opened, made_up: Path
) -> None:
    page = opened(made_up.with_name("unfinished.html").as_uri())
    page.keyboard.press("ArrowDown")
    for frame, key in ((4, ""), (5, "."), (6, "."), (5, ",")):
        if key:
            page.keyboard.press(key)
        come_to(page, frame)
        until(page, f"document.querySelector('.decoded').textContent === '{frame}'")
        assert burned_in(page, "take:take-sc01_sh020-7") == frame - 2
    page.keyboard.press("s")
    until(page, "document.querySelectorAll('.decoded').length === 2")
    until(
        page, "[...document.querySelectorAll('.decoded')].every((one) => one.textContent === '5')"
    )


def test_a_shot_is_looped_until_somebody_stops_it(opened: Opened, made_up: Path) -> None:
    page = opened(made_up.as_uri())
    go_to(page, 41)
    page.keyboard.press("l")
    page.evaluate("""() => {
      window.frames_seen = new Set();
      const field = document.getElementById('frame');
      const note = () => frames_seen.add(Number(field.dataset.frame));
      new MutationObserver(note).observe(field, { attributes: true });
    }""")
    page.keyboard.press(" ")
    until(page, "frames_seen.has(43) && frames_seen.has(40)")
    page.wait_for_timeout(400)
    page.keyboard.press(" ")
    until(page, "document.querySelector('.play').ariaLabel === 'Play'")
    assert set(page.evaluate("[...frames_seen]")) <= {40, 41, 42, 43, 44}
    assert 43 in page.evaluate("[...frames_seen]")


def test_a_line_of_the_cues_is_played_and_stops_at_its_end(opened: Opened, made_up: Path) -> None:
    page = opened(made_up.as_uri())
    page.keyboard.press("2")
    page.locator(".check input").check()
    assert page.locator("#cues [role=option]").first.get_attribute("aria-setsize") == "100"
    page.locator("#cues").focus()
    page.keyboard.press("Home")
    until(page, "document.querySelector('#shot h2').textContent === 'MARA'")
    page.keyboard.press("e")
    until(page, "document.querySelector('.play').ariaLabel === 'Pause'")
    until(page, "document.querySelector('.play').ariaLabel === 'Play'")
    # line 5: 0.64 to 0.80 s
    assert abs(page.evaluate("document.querySelector('video').currentTime") - 0.8) < 0.15


def test_what_is_decided_from_disk_is_kept_and_saved_as_notes(
    opened: Opened, made_up: Path, tmp_path: Path
) -> None:
    page = opened(made_up.as_uri())
    page.keyboard.press("a")
    assert status_text(page) == "sc01_sh010 approved"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("r")
    page.keyboard.type("smaller")
    page.locator("dialog [name=emotion]").fill("angry 0.6")
    page.keyboard.press("Enter")
    until(page, "!document.querySelector('dialog')")
    page.keyboard.press("t")
    page.locator("dialog").get_by_role("radio", name="Take, seed 8").check()
    page.keyboard.press("Enter")
    until(page, "!document.querySelector('dialog')")
    page.keyboard.press("f")
    page.locator("dialog [name=start]").fill("0.2")
    page.get_by_role("button", name="Out a frame later").click()
    page.get_by_role("button", name="Set", exact=True).click()
    until(page, "!document.querySelector('dialog')")
    page.reload()
    until(page, "document.documentElement.dataset.ready === 'yes'")
    assert page.locator(".progress").inner_text() == "1 of 1,000 approved, 999 to review"
    page.get_by_role("button", name="Notes (4)").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save notes.json").click()
    download.value.save_as(tmp_path / "notes.json")
    notes = json.loads((tmp_path / "notes.json").read_text())
    assert (notes["digest"], notes["reviewer"]) == ("made-up-1000", "Kim")
    assert [(one["name"], one.get("shots"), one.get("line_id")) for one in notes["decisions"]] == [
        ("approve", ["id-sc01_sh010"], None),
        ("retry", ["id-sc01_sh020"], None),
        ("circle", ["id-sc01_sh020"], None),
        ("cue", None, "line-1"),
    ]
    assert notes["decisions"][1]["words"] == {
        "note": "smaller",
        "emotion": "angry 0.6",
        "intensity": None,
        "seed": "new",
    }
    assert notes["decisions"][2]["words"] == {"take_id": "take-sc01_sh020-8"}
    assert notes["decisions"][3]["words"] == {"start": 0.2, "end": 0.36}


def test_several_shots_are_marked_and_decided_about_at_once(opened: Opened, made_up: Path) -> None:
    page = opened(made_up.as_uri())
    page.locator("#shots").focus()
    for _ in range(3):
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("h")
    assert stored_notes(page)[-1]["shots"] == [
        "id-sc01_sh010",
        "id-sc01_sh020",
        "id-sc01_sh030",
        "id-sc01_sh040",
    ]
    assert status_text(page) == "4 shots held"
    page.keyboard.press("h")
    assert (stored_notes(page)[-1]["name"], stored_notes(page)[-1]["shots"]) == (
        "release",
        ["id-sc01_sh040"],
    )


def test_a_check_is_waived_with_a_reason_and_not_without(opened: Opened, made_up: Path) -> None:
    page = opened(made_up.as_uri())
    page.keyboard.press("3")
    page.keyboard.press("v")
    page.get_by_role("button", name="Waive", exact=True).click()
    assert page.locator("dialog").count() == 1  # the reason is missing
    page.keyboard.type("a quiet film")
    page.get_by_role("button", name="Waive", exact=True).click()
    until(page, "!document.querySelector('dialog')")
    assert stored_notes(page)[-1]["words"] == {"check": "web: loudness", "reason": "a quiet film"}
    assert page.locator("#checks .row.waived").count() == 1


def test_html_in_what_people_wrote_stays_text(opened: Opened, made_up: Path) -> None:
    page = opened(made_up.as_uri())
    go_to(page, 13)
    assert page.locator("#shot blockquote").inner_text() == HOSTILE
    assert page.locator(".caption").inner_text() == HOSTILE
    assert page.locator("#shot .heading p").first.inner_text().strip().startswith("<b>OTTO</b>")
    assert page.title() == "The Long Night dailies"
    assert page.evaluate("document.querySelectorAll('blockquote *, .caption *').length") == 0


def test_dialogs_hold_the_focus_and_give_it_back(opened: Opened, made_up: Path) -> None:
    page = opened(made_up.as_uri())
    page.locator("#shots").focus()
    page.keyboard.press("r")
    assert page.evaluate("document.activeElement.name") == "note"
    page.keyboard.type("a, h, x are letters here")
    for _ in range(20):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body"
            " || Boolean(document.activeElement.closest('dialog'))"
        )
    page.keyboard.press("Escape")
    until(page, "!document.querySelector('dialog')")
    assert page.evaluate("document.activeElement.id") == "shots"
    assert stored_notes(page) == []


def test_single_keys_can_be_switched_off(opened: Opened, made_up: Path) -> None:
    page = opened(made_up.as_uri())
    page.keyboard.press("?")
    page.locator("dialog input[type=checkbox]").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.keyboard.press("h")
    assert stored_notes(page) == []
    page.keyboard.press("?")
    page.locator("dialog input[type=checkbox]").check()


def test_keys_work_after_a_click_and_belong_to_fields_that_were_tabbed_to(
    opened: Opened, made_up: Path
) -> None:
    page = opened(made_up.as_uri())
    page.get_by_role("button", name="Zoom out").click()
    page.keyboard.press(" ")
    until(page, "document.querySelector('.play').ariaLabel === 'Pause'")
    page.keyboard.press(" ")
    page.select_option("select[aria-label='Which shots']", "open")
    page.locator("select[aria-label='Which shots']").click()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    assert len(stored_notes(page)) == 1
    page.keyboard.press("2")
    page.locator(".check input").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press(" ")
    assert page.locator(".check input").is_checked()


def test_everything_is_reached_with_the_tab_key_and_has_a_name(
    opened: Opened, made_up: Path
) -> None:
    page = opened(made_up.as_uri())
    names = []
    for _ in range(60):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                "(document.activeElement.ariaLabel || document.activeElement.textContent)"
                ".trim().slice(0, 22)"
            )
        )
    for control in (
        "Skip to the lists",
        "Keys ?",
        "Play",
        "Back one frame",
        "Wipe W",
        "Playhead",
        "Zoom in",
        "Shots 1,000",
        "Which shots",
        "Shots",
        "Approve A",
        "Retake R",
        "Worker log",
    ):
        assert control in names, names
    assert all(names)


@pytest.mark.parametrize(
    ("size", "scheme", "views"),
    [
        (DESK, "dark", "1234srftvn?"),
        pytest.param(LAPTOP, "light", "13wr", marks=pytest.mark.proof),
        (PHONE, "dark", "12f"),
    ],
)
def test_axe_finds_nothing_to_complain_about(
    opened: Opened, made_up: Path, size: tuple[int, int], scheme: str, views: str
) -> None:
    try:
        import axe_playwright_python as package
    except ImportError:
        absent("axe-playwright-python")
    axe = (Path(package.__file__).parent / "axe.min.js").read_text()
    page = opened(made_up.as_uri(), size=size, scheme=scheme)
    page.evaluate(axe)
    found = {}
    for view in views:
        page.keyboard.press("ArrowDown")
        page.keyboard.press(view)
        answer = page.evaluate("axe.run(document, { resultTypes: ['violations'], preload: false })")
        found[view] = [
            (one["id"], [node["html"][:120] for node in one["nodes"][:3]])
            for one in answer["violations"]
        ]
        page.keyboard.press("Escape")
        until(page, "!document.querySelector('dialog')")
    assert not any(found.values()), {view: told for view, told in found.items() if told}


def test_a_phone_shows_all_of_it_without_scrolling_sideways_and_with_targets_for_fingers(
    opened: Opened, made_up: Path
) -> None:
    page = opened(made_up.as_uri(), size=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    page.locator("#shots [role=option]").nth(2).tap()
    come_to(page, 8)
    assert page.get_by_role("tab", selected=True).inner_text() == "Shot"
    page.get_by_role("button", name="Approve").tap()
    assert stored_notes(page)[-1]["shots"] == ["id-sc01_sh030"]
    small = page.evaluate("""[...document.querySelectorAll('button, select, input')]
      .filter((control) => control.checkVisibility())
      .filter((control) => {
        const box = control.getBoundingClientRect();
        return box.height < 44 || box.width < 44;
      })
      .map((control) => control.outerHTML)""")
    assert small == []
