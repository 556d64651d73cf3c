# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser: sorting, filtering, no request, no overflow on a phone, and all of it without JavaScript.

A page around it holds it in frames of three kinds and writes what it finds into its own text, which headless Chromium
prints. ``TEST_BROWSER`` names a Chromium that must be there; without it the one on ``PATH`` is taken, if there is one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from eschernet_ros.evaluation.report.comparison_page import read_runs, write_comparison
from eschernet_ros.evaluation.report.evaluation_page import write_report

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = os.environ.get("TEST_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=20000",
    "--dump-dom",
)
WRAPPER = """<!DOCTYPE html><meta charset="utf-8"><body><pre id="found"></pre><script>
const PAGES = %s;
const frame = (page, width, scripts) => new Promise((resolve) => {
  const made = document.createElement("iframe");
  made.style.cssText = `width:${width}px;height:800px;border:0`;
  if (!scripts) made.sandbox = "allow-same-origin";
  made.srcdoc = page;
  made.addEventListener("load", () => resolve(made.contentDocument));
  document.body.append(made);
});
const overflow = (inside, width) => Math.max(inside.documentElement.scrollWidth, inside.body.scrollWidth) - width;
const tall = (inside, what, least) => [...inside.querySelectorAll(what)]
  .filter((element) => element.getBoundingClientRect().height > least).length;
const column = (table, index) => [...table.tBodies[0].rows].filter((row) => !row.hidden)
  .map((row) => row.cells[index].textContent);
(async () => {
  const found = {};
  for (const [name, page] of Object.entries(PAGES)) {
    const desk = await frame(page, 1280, true);
    const phone = await frame(page, 390, true);
    const still = await frame(page, 1280, false);
    const table = desk.querySelector("table.views");
    const last = table.tHead.rows[0].cells.length - 1;
    const head = table.tHead.rows[0].cells[last];
    const pictures = [...desk.images];
    for (const picture of pictures) picture.loading = "eager";
    await Promise.all(pictures.map((picture) => picture.decode()));
    const result = { deskOverflow: overflow(desk, 1280), phoneOverflow: overflow(phone, 390) };
    result.requests = desk.defaultView.performance.getEntriesByType("resource").map((entry) => entry.name)
      .filter((address) => !address.startsWith("data:"));
    result.blank = pictures.filter((picture) => picture.naturalWidth === 0).map((picture) => picture.alt);
    head.querySelector("button").click();
    result.ascending = [head.getAttribute("aria-sort"), column(table, last)];
    head.querySelector("button").click();
    result.descending = [head.getAttribute("aria-sort"), column(table, last)];
    const select = desk.querySelector(".filters select[name=object]");
    result.choices = [...select.options].map((option) => option.value);
    select.value = select.options[2].value;
    select.dispatchEvent(new Event("change"));
    result.filtered = [...new Set(column(table, 0))];
    result.counted = desk.querySelector(".filters output").textContent;
    result.still = {
      filters: getComputedStyle(still.querySelector(".filters")).display,
      buttons: still.querySelectorAll("button").length,
      rows: tall(still, "table.views tbody tr", 5),
      charts: tall(still, "svg.chart", 50),
    };
    result.titles = [...desk.querySelectorAll("h3")].map((title) => title.textContent);
    found[name] = result;
  }
  document.getElementById("found").textContent = JSON.stringify(found);
})().catch((error) => { document.getElementById("found").textContent = JSON.stringify({ error: String(error) }); });
</script>"""

ATTEMPTS = 4
"""The browser's virtual time does not wait for pictures that other threads decode: on a busy machine it can run out."""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here (Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def found(results, tmp_path_factory, read):
    """What the wrapper found, by page."""
    folder = tmp_path_factory.mktemp("browser")
    comparison = folder / "comparison.html"
    write_comparison(*read_runs(results, results), comparison)
    pages = {"report": write_report(results, folder / "report.html"), "comparison": comparison}
    texts = json.dumps({name: path.read_text(encoding="utf-8") for name, path in pages.items()})
    wrapper = folder / "wrapper.html"
    wrapper.write_text(WRAPPER.replace("%s", texts.replace("</", "<\\/"), 1), encoding="utf-8")
    for attempt in range(ATTEMPTS):
        profile = folder / f"profile{attempt}"
        command = [str(BROWSER), *FLAGS, f"--user-data-dir={profile}", wrapper.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        start = done.stdout.find('<pre id="found">')
        assert start >= 0, done.stderr[-2000:]
        written = read(done.stdout[start : done.stdout.index("</pre>", start) + 6]).text
        if written:
            break
    assert written, f"the page wrote nothing in {ATTEMPTS} attempts"
    content = json.loads(written)
    assert "error" not in content, content["error"]
    return content


@pytest.mark.parametrize("page", ["report", "comparison"])
def test_nothing_is_requested_and_every_picture_shows(found, page):
    assert found[page]["requests"] == []
    assert found[page]["blank"] == []


@pytest.mark.parametrize("page", ["report", "comparison"])
def test_the_page_does_not_scroll_sideways(found, page):
    assert found[page]["deskOverflow"] <= 0
    assert found[page]["phoneOverflow"] <= 0


@pytest.mark.parametrize("page", ["report", "comparison"])
def test_a_click_sorts_and_another_one_turns_it_round(found, page):
    for order, reverse in (("ascending", False), ("descending", True)):
        state, texts = found[page][order]
        values = [float(text.replace("−", "-")) for text in texts]
        assert state == order
        assert values == sorted(values, reverse=reverse)
        assert len(values) == {"report": 378, "comparison": 126}[page]


@pytest.mark.parametrize("page", ["report", "comparison"])
def test_a_filter_shows_the_rows_of_its_choice(found, page):
    hostile = "<script>alert(1)</script>"
    assert found[page]["choices"][0] == ""
    assert set(found[page]["choices"][1:]) == {"mug", hostile, "kettle & lid"}
    assert found[page]["filtered"] == [found[page]["choices"][2]]
    rows = {"report": 378, "comparison": 126}[page]
    assert found[page]["counted"] == f"{rows // 3} of {rows} rows"


def test_without_javascript_everything_is_there_but_sorting_and_filtering(found):
    # 3 charts against references, 3 against angles, 2 drawings of each of 3 objects
    assert found["report"]["still"] == {"filters": "none", "buttons": 0, "rows": 378, "charts": 12}


def test_a_hostile_name_is_a_title(found):
    assert "<script>alert(1)</script>" in found["report"]["titles"]
