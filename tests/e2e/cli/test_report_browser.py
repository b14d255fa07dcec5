# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The page of `zorse report` in a headless browser that has no network."""

import os
import re
import shutil
import subprocess
import unittest

import cli_case
import report_rows
from cli_case import CliCase

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
SWEEPS = ("tests/data/sweeps/mla_decode_h24_r128_b1.jsonl",
          "tests/data/sweeps/mla_decode_h32_r128_b8.jsonl")

# Chooses every picture of every chart, one after the other, and waits for each.
WALK = """<script>(async () => {
  const root = document.documentElement, pause = () => new Promise(done => setTimeout(done, 100));
  while (!root.dataset.charts) await pause();
  let walked = 0;
  for (const select of document.querySelectorAll('select'))
    for (const option of select.options) {
      const box = document.getElementById(select.id.replace('choice', 'chart'));
      box.textContent = '';
      select.value = option.value;
      select.dispatchEvent(new Event('change'));
      for (let i = 0; i < 50 && !box.querySelector('svg.marks .role-mark path'); ++i) await pause();
      walked += box.querySelector('svg.marks .role-mark path') ? 1 : 0;
    }
  root.dataset.walked = walked;
})()</script>"""


@unittest.skipUnless(CHROMIUM, "no chromium; install the Debian package chromium")
class ReportBrowserTest(CliCase):
    def browse(self, page):
        """The document after its scripts have run, and what they wrote to the console."""
        process = subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
             f"--user-data-dir={self.folder / 'profile'}", "--virtual-time-budget=60000",
             "--dump-dom", page.as_uri()],
            env={**os.environ, "HOME": str(self.folder)}, capture_output=True, text=True,
            timeout=240, check=False)
        self.assertEqual(0, process.returncode, process.stderr)
        return process.stdout, re.findall(r".*CONSOLE.*", process.stderr)

    def setUp(self):
        super().setUp()
        rows = self.write("rows.jsonl", report_rows.rows())
        self.ran("report", rows, *(cli_case.SOURCE / sweep for sweep in SWEEPS), "-o", "page.html")
        self.page = self.folder / "page.html"

    def test_all_charts_are_drawn(self):
        document, console = self.browse(self.page)
        self.assertEqual([], console)
        self.assertIn('data-charts="drawn"', document)
        self.assertEqual(4, document.count('class="marks"'))
        self.assertIn("<title>Tuning report</title>", document)
        self.assertNotIn("owned</title>", document)

    def test_every_picture_can_be_chosen(self):
        text = self.page.read_text()
        choices = text.count("<option ")
        self.assertGreater(choices, 10)
        # The page's own policy would rightly stop the script that chooses.
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
        self.page.write_text(text.removesuffix("</body>\n</html>\n") + WALK)
        document, console = self.browse(self.page)
        self.assertEqual([], console)
        self.assertIn(f'data-walked="{choices}"', document)

    def test_policy_stops_what_is_not_ours(self):
        text = self.page.read_text()
        strange = ("<script>document.title='owned'</script>"
                   "<img src='http://example.invalid/a.png'>")
        self.page.write_text(text.removesuffix("</body>\n</html>\n") + strange)
        document, console = self.browse(self.page)
        self.assertIn("<title>Tuning report</title>", document)
        self.assertIn('data-charts="drawn"', document)
        self.assertEqual(2, len(console), console)  # one for the script, one for the picture


if __name__ == "__main__":
    cli_case.main()
