# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse report: one page that needs nothing beside it, and the files that may lie there."""

import base64
import csv
import hashlib
import html.parser
import json
import re
import xml.etree.ElementTree

import cli_case
import report_rows
from cli_case import DATABASE, USAGE, CliCase

CHARTS = ["convergence", "knobs", "roofline", "gain"]
TABLES = ["winners", "coverage", "reasons", "blocked"]
SWEEP = "tests/data/sweeps/mla_decode_h24_r128_b1.jsonl"


class Page(html.parser.HTMLParser):
    """Elements, texts and scripts as a browser sees them."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.texts, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br", "input"):
            self.open.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            raise AssertionError(f"</{tag}> closes another element")

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif not self.open or self.open[-1] != "style":
            self.texts.append(data)

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


class ReportTest(CliCase):
    def setUp(self):
        super().setUp()
        self.rows = self.write("rows.jsonl", report_rows.rows())

    def page(self, *arguments):
        self.ran("report", *arguments, "-o", "page.html")
        return Page((self.folder / "page.html").read_text())

    def test_page_needs_nothing(self):
        page = self.page(cli_case.SOURCE / SWEEP, self.rows)
        for tag, attributes in page.elements:
            self.assertNotIn(tag, ("link", "iframe", "object", "embed", "img", "base", "form"))
            self.assertNotIn("src", attributes)
            self.assertNotIn("style", attributes)
            self.assertEqual([], [name for name in attributes if name.startswith("on")])
            self.assertTrue(attributes.get("href", "#").startswith("#"), attributes)
        policy = next(m["content"] for m in page.named("meta")
                      if m.get("http-equiv") == "Content-Security-Policy")
        self.assertTrue(policy.startswith("default-src 'none'; "), policy)
        self.assertNotIn("unsafe-eval", policy)
        code = [text for attributes, text in page.scripts if not attributes]
        self.assertEqual(4, len(code))
        for text in code:  # exactly these may run
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            self.assertIn(f"'sha256-{digest}'", policy)
            self.assertNotIn("sourceMappingURL", text)
        self.assertEqual(4, policy.count("sha256-"))
        licences = "".join(page.texts)
        for words in ("University of Washington Interactive Data Lab", "THIS SOFTWARE IS PROVIDED"):
            self.assertEqual(3, licences.count(words))

    def test_page_is_accessible(self):
        page = self.page(cli_case.SOURCE / SWEEP, self.rows)
        self.assertEqual("en", page.named("html")[0]["lang"])
        self.assertEqual(1, len(page.named("h1")))
        self.assertEqual(len(CHARTS) + len(TABLES) + 3, len(page.named("h2")))  # licences
        self.assertEqual(len(page.named("table")), len(page.named("caption")))
        self.assertEqual(len(CHARTS), len(page.named("figcaption")))
        labels = {label["for"] for label in page.named("label")}
        self.assertEqual(labels, {select["id"] for select in page.named("select")})
        self.assertTrue(all(th["scope"] == "col" for th in page.named("th")))
        ids = [a["id"] for _, a in page.elements if "id" in a]
        self.assertEqual(len(ids), len(set(ids)))
        for link in page.named("a"):
            self.assertIn(link["href"][1:], ids)
        for chart in json.loads(page.scripts[0][1]):
            for panel in chart["panels"]:
                self.assertGreater(len(panel["spec"]["description"]), 20)

    def test_texts_of_the_database_are_inert(self):
        page = self.page(self.rows)
        self.assertEqual(5, len(page.scripts))
        self.assertIn("LLVM 22.1 </script><script>", "".join(page.texts))
        self.assertNotIn("\u202e", "".join(page.texts))
        self.assertNotIn("<", page.scripts[0][1])
        self.assertIn("</script>", json.dumps(json.loads(page.scripts[0][1])))

    def test_files_beside_the_page(self):
        out = self.ran("report", self.rows, cli_case.SOURCE / SWEEP, "-o", "out/", "--format",
                       "json").json()
        self.assertEqual(out["trials"], 38 + 224)
        self.assertEqual(out["winners"], 3)
        written = sorted(path.name for path in (self.folder / "out").iterdir())
        self.assertEqual(written, sorted(path.split("/")[-1] for path in out["files"]))
        for name in CHARTS + TABLES:
            table = self.table(f"out/report-{name}.csv")
            self.assertGreater(len(table), 1, name)
            self.assertEqual({len(table[0])}, {len(line) for line in table}, name)
        drawn = {"polyline": 0, "circle": 0, "rect": 0}
        for name in CHARTS:
            pictures = [w for w in written if re.match(f"report-{name}-\\d+\\.svg", w)]
            self.assertTrue(pictures, name)
            for picture in pictures:
                root = xml.etree.ElementTree.parse(self.folder / "out" / picture).getroot()
                self.assertEqual("{http://www.w3.org/2000/svg}svg", root.tag)
                self.assertTrue(root.find("{*}title").text and root.find("{*}desc").text)
                self.assertIsNone(root.find(".//{*}script"))
                for shape in drawn:
                    drawn[shape] += len(root.findall(f".//{{*}}{shape}"))
                for element in root.iter():
                    for name_, value in element.attrib.items():
                        self.assertNotIn("nan", value.lower(), (picture, name_))
                        self.assertNotIn("inf", value.lower(), (picture, name_))
        self.assertGreater(min(drawn.values()), 10, drawn)

    def table(self, path):
        with open(self.folder / path, newline="", encoding="utf-8") as stream:
            return list(csv.reader(stream))

    def test_numbers(self):
        self.ran("report", self.rows, "-o", "page.html", "--csv")
        steps = [row for row in self.table("page-convergence.csv")[1:] if "tokens=1 " in
                 row[0] + " " and row[4] == "measured" and row[10]]
        best = [float(row[10]) for row in steps]
        self.assertEqual(best, sorted(best, reverse=True))
        self.assertEqual(best[-1], min(float(row[7]) for row in steps if row[7]))
        roofline = self.table("page-roofline.csv")
        self.assertEqual(len(roofline) - 1, 34)  # all but the four without a time
        standing = [row[2] for row in roofline[1:]]
        self.assertEqual((standing.count("winner"), standing.count("stale")), (2, 1))
        for row in roofline[1:]:
            flops_per_byte, gflops, gbs = map(float, row[9:12])
            self.assertAlmostEqual(flops_per_byte * gbs / gflops, 1)
        winners = self.table("page-winners.csv")
        self.assertEqual(["5.5", "6.5"], sorted(row[4] for row in winners[1:]))
        blocked = {row[5]: row[6] for row in self.table("page-blocked.csv")[1:]}
        self.assertEqual(set(blocked), {"failed", "timed_out", "crashed", "wrong", "stale"})
        self.assertEqual(blocked["timed_out"], "'" + report_rows.FORMULA)
        self.assertIn(["1", "stale", "compiles to other code", "rmsnorm"],
                      self.table("page-reasons.csv"))
        page = Page((self.folder / "page.html").read_text())
        self.assertIn("measured (33), model (1)", "".join(page.texts).replace(
            "model (1), measured (33)", "measured (33), model (1)"))
        self.assertIn("data sheet of gfx942", "".join(page.texts))

    def test_order_of_trials(self):
        lines = report_rows.rows().splitlines()[:6]
        for config, second in (("rows=1,waves=1", 19), ("rows=2,waves=1", 18)):
            row = report_rows.row(1, config, second, second)
            lines.append(json.dumps({**row, "date": f"2026-11-21T14:42:{second}Z"}))
        text = self.write("two.jsonl", "\n".join(lines) + "\n")
        self.ran("report", text, "-o", "text.html", "--csv")
        self.assertEqual(["rows=2,waves=1", "rows=1,waves=1"],
                         [row[6] for row in self.table("text-convergence.csv")[1:]])
        self.assertEqual(["18", "18"], [row[10].split(".")[0] for row in
                                        self.table("text-convergence.csv")[1:]])

    def test_databases_and_text_agree(self):
        self.ran("db", "import", self.rows, "--db", self.db)
        one = self.ran("report", self.db, "-o", "one.html", "--format", "json").json()
        default = self.ran("report", "-o", "two.html", "--format", "json").json()
        text = self.ran("report", self.rows, self.db, "-o", "three.html", "--format",
                        "json").json()
        for other in (default, text):
            self.assertEqual(one["content_hash"], other["content_hash"])
            self.assertEqual(one["trials"], other["trials"])

    def test_empty_database(self):
        self.write("none.jsonl", '{"format":"zorse trials","version":1}\n')
        page = self.page("none.jsonl")
        self.assertEqual("".join(page.texts).count("Nothing to draw."), len(CHARTS))

    def test_refusals(self):
        self.refused(USAGE, "cannot read gone.db; expected a database or exported trials in text",
                     "report", "gone.db")
        self.refused(USAGE, "the page goes to stdout and nothing lies beside it; expected a path "
                     "after -o for --csv, --svg or --format json",
                     "report", self.rows, "-o", "-", "--csv")
        broken = self.write("broken.db", "SQLite format 3\0" + "x" * 5000)
        self.assertEqual(self.zorse("report", broken).code, DATABASE)
        self.assertFalse((self.folder / "report.html").exists())


if __name__ == "__main__":
    cli_case.main()
