//===- Page.cpp - the report as one file --------------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Assets.h"
#include "Report.h"

#include <cstdint>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace zorse::tool::report {

static std::string base64OfHex(std::string_view hex) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  auto nibble = [](char c) { return uint32_t(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::string text;
  for (size_t at = 0; at < hex.size(); at += 6) {
    size_t bytes = std::min<size_t>(3, (hex.size() - at) / 2);
    uint32_t bits = 0;
    for (size_t i = 0; i < 2 * bytes; ++i)
      bits |= nibble(hex[at + i]) << (20 - 4 * i);
    for (size_t i = 0; i < 4; ++i)
      text += i <= bytes ? digits[bits >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

/// Nothing may be loaded, and only the scripts with these hashes may run: were a text of the
/// database ever taken for markup, it would still do nothing.
static std::string contentPolicy() {
  std::string policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
                       "base-uri 'none'; form-action 'none'; script-src";
  for (const Script &script : scripts())
    policy += fmt::format(" 'sha256-{}'", base64OfHex(script.sha256));
  return policy;
}

static std::string factsHtml(const Report &report) {
  std::string html = "<dl>\n";
  for (const auto &[what, value] : report.facts)
    html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escapeMarkup(what), escapeMarkup(value));
  return html + "</dl>\n";
}

static std::string chartHtml(const Chart &chart) {
  std::string html = fmt::format("<section aria-labelledby=\"title-{0}\">\n"
                                 "<h2 id=\"title-{0}\">{1}</h2>\n<p class=\"about\">{2}</p>\n",
                                 chart.id, escapeMarkup(chart.title), escapeMarkup(chart.caption));
  if (chart.panels.empty())
    return html + fmt::format("<p>Nothing to draw. {}</p>\n</section>\n", escapeMarkup(chart.note));
  if (chart.panels.size() > 1) {
    html += fmt::format("<label for=\"choice-{0}\">Show</label><select id=\"choice-{0}\" "
                        "autocomplete=\"off\">\n",
                        chart.id);
    for (size_t i = 0; i < chart.panels.size(); ++i)
      html +=
          fmt::format("<option value=\"{}\">{}</option>\n", i, escapeMarkup(chart.panels[i].label));
    html += "</select>\n";
  }
  std::string svg = svgOf(chart, chart.panels.front());
  html += fmt::format("<figure>\n<div class=\"chart\" id=\"chart-{0}\"></div>\n"
                      "<noscript>{1}</noscript>\n"
                      "<figcaption><p class=\"note\" id=\"note-{0}\" aria-live=\"polite\">{2}</p>"
                      "<p class=\"note\">{3}</p></figcaption>\n</figure>\n</section>\n",
                      chart.id, svg.substr(svg.find("<svg")),
                      escapeMarkup(chart.panels.front().note), escapeMarkup(chart.note));
  return html;
}

static std::string tableHtml(const Table &table) {
  std::string html = fmt::format(
      "<section aria-labelledby=\"title-{0}\">\n<h2 id=\"title-{0}\">{1}</h2>\n"
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"title-{0}\">"
      "<table id=\"table-{0}\">\n<caption>{2}</caption>\n<thead><tr>",
      table.id, escapeMarkup(table.title), escapeMarkup(table.caption));
  auto styleOf = [&](size_t column) { return table.isNumeric[column] ? " class=\"n\"" : ""; };
  for (size_t i = 0; i < table.columns.size(); ++i)
    html += fmt::format("<th scope=\"col\"{}>{}</th>", styleOf(i), escapeMarkup(table.columns[i]));
  html += "</tr></thead>\n<tbody>\n";
  size_t shown = std::min(table.rows.size(), mostRows);
  for (size_t row = 0; row < shown; ++row) {
    html += "<tr>";
    for (size_t i = 0; i < table.rows[row].size(); ++i)
      html += fmt::format("<td{}>{}</td>", styleOf(i), escapeMarkup(table.rows[row][i]));
    html += "</tr>\n";
  }
  html += "</tbody>\n</table></div>\n";
  if (table.rows.empty())
    html += "<p class=\"note\">None.</p>\n";
  if (shown < table.rows.size())
    html += fmt::format("<p class=\"note\">The first {} of {} rows; all are in the CSV.</p>\n",
                        shown, table.rows.size());
  return html + "</section>\n";
}

static std::string textJson(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

static std::string chartsJson(const Report &report) {
  std::string json;
  for (const Chart &chart : report.charts) {
    std::string panels;
    for (const Panel &panel : chart.panels)
      panels += fmt::format("{}{{\"note\":{},\"spec\":{}}}", panels.empty() ? "" : ",\n",
                            textJson(panel.note), vegaLiteOf(chart, panel));
    if (!panels.empty())
      json += fmt::format("{}{{\"id\":{},\"panels\":[{}]}}", json.empty() ? "" : ",\n",
                          textJson(chart.id), panels);
  }
  return escapeScript("[" + json + "]");
}

/// The page hands on scripts of others, whose licences want to go with them.
static std::string licencesHtml() {
  std::string html = "<footer><details><summary>Licences of the scripts in this page</summary>\n";
  for (const Script &licence : licences())
    html += fmt::format("<h2>{}</h2>\n<pre>{}</pre>\n",
                        escapeMarkup(licence.name.substr(licence.name.find('.') + 1)),
                        escapeMarkup(licence.text));
  return html + "</details></footer>\n";
}

std::string pageOf(const Report &report) {
  std::string html =
      fmt::format("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"referrer\" content=\"no-referrer\">\n"
                  "<title>Tuning report</title>\n<style>{}</style>\n</head>\n<body>\n<header>\n"
                  "<h1>Tuning report</h1>\n",
                  contentPolicy(), styleSheet());
  html += factsHtml(report) + "<nav aria-label=\"Parts\">\n";
  for (const Table &table : report.tables)
    html += fmt::format("<a href=\"#title-{}\">{}</a>", table.id, escapeMarkup(table.title));
  for (const Chart &chart : report.charts)
    html += fmt::format("<a href=\"#title-{}\">{}</a>", chart.id, escapeMarkup(chart.title));
  html += "\n</nav>\n</header>\n<main>\n";
  if (!report.tables.empty())
    html += tableHtml(report.tables.front());
  for (const Chart &chart : report.charts)
    html += chartHtml(chart);
  for (size_t i = 1; i < report.tables.size(); ++i)
    html += tableHtml(report.tables[i]);
  html += "</main>\n" + licencesHtml() + "<script type=\"application/json\" id=\"charts\">" +
          chartsJson(report) + "</script>\n";
  for (const Script &script : scripts())
    html += fmt::format("<script>{}</script>\n", script.text);
  return html + "</body>\n</html>\n";
}

} // namespace zorse::tool::report
