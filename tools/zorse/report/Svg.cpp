//===- Svg.cpp - a panel as a picture that needs no program -----------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Chart.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace zorse::tool::report {

namespace {

/// Data to pixels along one axis.
struct Ruler {
  Scale scale = Scale::Linear;
  double low = INFINITY, high = -INFINITY; ///< of the data
  double from = 0, to = 1;                 ///< of the pixels
  const std::vector<std::string> *bands = nullptr;

  void include(double value) {
    if (!std::isfinite(value) || (scale == Scale::Log && value <= 0))
      return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void finish() {
    if (low > high) {
      low = 1;
      high = 10;
    }
    if (scale == Scale::Log) {
      double room = std::max(std::log(high / low) * 0.04, 0.02);
      low *= std::exp(-room);
      high *= std::exp(room);
      return;
    }
    double room = high > low ? (high - low) * 0.04 : std::max(std::abs(high) * 0.1, 0.5);
    low -= low >= 0 && low < room ? low : room;
    high += room;
  }
  double at(double value) const {
    double share = scale == Scale::Log ? std::log(value / low) / std::log(high / low)
                                       : (value - low) / (high - low);
    return from + (to - from) * share;
  }
  bool shows(double value) const {
    return std::isfinite(value) && (scale != Scale::Log || value > 0);
  }
  double bandSize() const {
    return std::abs(to - from) / double(std::max<size_t>(bands->size(), 1));
  }
  /// The start of a band, which is its end with the smaller pixel.
  double band(const std::string &name) const {
    auto found = std::find(bands->begin(), bands->end(), name);
    return std::min(from, to) + bandSize() * double(found - bands->begin());
  }
  std::vector<double> ticks() const {
    std::vector<double> ticks;
    if (scale == Scale::Log) {
      double decades = std::log10(high / low);
      for (int e = int(std::floor(std::log10(low))); e <= int(std::ceil(std::log10(high))); ++e)
        for (double part : {1.0, 2.0, 3.0, 5.0, 7.0})
          if ((part == 1 && (decades < 7 || e % 2 == 0)) ||
              (decades < 3 && (part == 2 || part == 5)) || decades < 0.8)
            if (double tick = part * std::pow(10, e); tick >= low && tick <= high)
              ticks.push_back(tick);
      if (ticks.size() > 1)
        return ticks;
      ticks.clear();
    }
    double step = std::pow(10, std::floor(std::log10((high - low) / 5)));
    for (double factor : {2.0, 2.5, 2.0})
      if ((high - low) / step > 8)
        step *= factor;
    for (double i = std::ceil(low / step); i * step <= high; ++i)
      ticks.push_back(i * step);
    return ticks;
  }
};

struct Canvas {
  std::string xml;
  Ruler x, y;
  double left = 90, top = 90, width = 740, height = 380;

  void text(double atX, double atY, std::string_view words, std::string_view anchor = "middle",
            std::string_view more = "") {
    xml += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", atX, atY,
                       anchor, more, escapeMarkup(words));
  }
  void line(double x1, double y1, double x2, double y2, std::string_view colour, double size = 1) {
    xml += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" "
                       "stroke=\"{}\" stroke-width=\"{}\"/>\n",
                       x1, y1, x2, y2, colour, size);
  }
};

} // namespace

/// At most `most` characters of a text.
static std::string shortened(const std::string &text, size_t most) {
  if (text.size() <= most)
    return text;
  size_t end = most;
  while (end > 0 && (uint8_t(text[end]) & 0xc0) == 0x80)
    --end;
  return text.substr(0, end) + "…";
}

static void drawAxes(Canvas &canvas, const Panel &panel) {
  double bottom = canvas.top + canvas.height, right = canvas.left + canvas.width;
  if (panel.x.scale == Scale::Band) {
    for (const std::string &name : panel.x.bands)
      canvas.text(canvas.x.band(name) + canvas.x.bandSize() / 2, bottom + 18, shortened(name, 16));
  } else {
    for (double tick : canvas.x.ticks()) {
      canvas.line(canvas.x.at(tick), canvas.top, canvas.x.at(tick), bottom, "#e4e4e4");
      canvas.text(canvas.x.at(tick), bottom + 18, formatNumber(tick));
    }
  }
  if (panel.y.scale == Scale::Band) {
    for (const std::string &name : panel.y.bands)
      canvas.text(canvas.left - 8, canvas.y.band(name) + canvas.y.bandSize() / 2 + 4,
                  shortened(name, 90), "end");
  } else {
    for (double tick : canvas.y.ticks()) {
      canvas.line(canvas.left, canvas.y.at(tick), right, canvas.y.at(tick), "#e4e4e4");
      canvas.text(canvas.left - 8, canvas.y.at(tick) + 4, formatNumber(tick), "end");
    }
  }
  canvas.xml += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" "
                            "stroke=\"#808080\"/>\n",
                            canvas.left, canvas.top, canvas.width, canvas.height);
  canvas.text(canvas.left + canvas.width / 2, bottom + 42, panel.x.title);
  double middle = canvas.top + canvas.height / 2;
  if (!panel.y.title.empty())
    canvas.text(24, middle, panel.y.title, "middle",
                fmt::format(" transform=\"rotate(-90 24 {:.1f})\"", middle));
}

static void drawLegend(Canvas &canvas, const Panel &panel) {
  std::vector<const Series *> entries;
  for (const Series &series : panel.series)
    if (std::none_of(entries.begin(), entries.end(),
                     [&](const Series *known) { return known->name == series.name; }))
      entries.push_back(&series);
  double at = canvas.left, row = 58;
  for (const Series *series : entries) {
    if (series->mark == Mark::Cells)
      continue;
    double length = 34 + 7.2 * double(series->name.size());
    if (at + length > canvas.left + canvas.width && at > canvas.left) {
      at = canvas.left;
      row += 18;
    }
    canvas.xml += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"12\" "
                              "fill=\"{}\"/>\n",
                              at, row - 10, palette()[size_t(series->colour) % palette().size()]);
    canvas.text(at + 18, row, series->name, "start");
    at += length;
  }
}

static void drawPath(Canvas &canvas, const Series &series, const std::string &colour) {
  std::string points;
  double before = 0;
  for (const Datum &datum : series.data) {
    if (!canvas.x.shows(datum.x) || !canvas.y.shows(datum.y))
      continue;
    double x = canvas.x.at(datum.x), y = canvas.y.at(datum.y);
    if (series.mark == Mark::Step && !points.empty())
      points += fmt::format("{:.1f},{:.1f} ", x, before);
    points += fmt::format("{:.1f},{:.1f} ", x, y);
    before = y;
  }
  canvas.xml += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" "
                            "stroke-width=\"2\"/>\n",
                            points, colour);
}

static void drawSeries(Canvas &canvas, const Series &series) {
  const std::string &colour = palette()[size_t(series.colour) % palette().size()];
  if (series.mark == Mark::Line || series.mark == Mark::Step)
    return drawPath(canvas, series, colour);
  bool isLarge = series.name == "winner" || series.name == "default configuration";
  for (const Datum &datum : series.data) {
    std::string title = fmt::format("<title>{}</title>", escapeMarkup(datum.text));
    if (series.mark == Mark::Points && canvas.x.shows(datum.x) && canvas.y.shows(datum.y)) {
      canvas.xml +=
          fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" fill=\"{}\" "
                      "fill-opacity=\"0.75\">{}</circle>\n",
                      canvas.x.at(datum.x), canvas.y.at(datum.y), isLarge ? 6 : 3, colour, title);
    } else if (series.mark == Mark::Bars) {
      double size = canvas.y.bandSize(), top = canvas.y.band(datum.yBand);
      double one = canvas.x.at(1), end = canvas.x.at(datum.x);
      canvas.xml += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
          "fill=\"{}\">{}</rect>\n",
          std::min(one, end), top + size * 0.2, std::abs(end - one), size * 0.6, colour, title);
      canvas.line(canvas.x.at(datum.low), top + size / 2, canvas.x.at(datum.high), top + size / 2,
                  "#404040", 2);
    } else if (series.mark == Mark::Cells) {
      double share = cellShare(datum.value);
      double x = canvas.x.band(datum.xBand), y = canvas.y.band(datum.yBand);
      canvas.xml +=
          fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
                      "fill=\"{}\" stroke=\"#808080\" stroke-width=\"0.5\"/>\n",
                      x, y, canvas.x.bandSize(), canvas.y.bandSize(), cellColour(share));
      canvas.text(x + canvas.x.bandSize() / 2, y + canvas.y.bandSize() / 2 + 4, datum.text,
                  "middle", share > 0.45 ? " fill=\"#ffffff\"" : "");
    }
  }
}

std::string svgOf(const Chart &chart, const Panel &panel) {
  Canvas canvas;
  bool hasBands = panel.y.scale == Scale::Band;
  if (hasBands) {
    size_t longest = 0;
    for (const std::string &name : panel.y.bands)
      longest = std::max(longest, std::min<size_t>(name.size(), 90));
    canvas.left = std::max(90.0, 40 + 7.0 * double(longest));
    canvas.height = 34 * double(std::max<size_t>(panel.y.bands.size(), 1));
  }
  canvas.x = {panel.x.scale};
  canvas.y = {panel.y.scale};
  canvas.x.bands = &panel.x.bands;
  canvas.y.bands = &panel.y.bands;
  for (const Series &series : panel.series)
    for (const Datum &datum : series.data) {
      canvas.x.include(datum.x);
      canvas.y.include(datum.y);
      if (series.mark == Mark::Bars)
        for (double value : {1.0, datum.low, datum.high})
          canvas.x.include(value);
    }
  canvas.x.finish();
  canvas.y.finish();
  canvas.x.from = canvas.left;
  canvas.x.to = canvas.left + canvas.width;
  canvas.y.from = canvas.top + canvas.height;
  canvas.y.to = canvas.top;

  canvas.text(canvas.left, 30, shortened(fmt::format("{}: {}", chart.title, panel.label), 110),
              "start", " font-size=\"15\" font-weight=\"bold\"");
  drawAxes(canvas, panel);
  drawLegend(canvas, panel);
  for (const Series &series : panel.series)
    drawSeries(canvas, series);
  double bottom = canvas.top + canvas.height + 66;
  for (std::string_view rest = panel.note; !rest.empty();) {
    constexpr size_t perLine = 110;
    size_t end = rest.size() <= perLine ? rest.size() : rest.rfind(' ', perLine);
    end = end == 0 || end == std::string_view::npos ? rest.size() : end;
    canvas.text(canvas.left, bottom, rest.substr(0, end), "start",
                " font-size=\"11\" fill=\"#606060\"");
    rest.remove_prefix(std::min(end + 1, rest.size()));
    bottom += 16;
  }
  double width = canvas.left + canvas.width + 40, height = bottom + 20;
  return fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                     "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
                     "width=\"{0:.0f}\" height=\"{1:.0f}\" font-family=\"sans-serif\" "
                     "font-size=\"12\" fill=\"#202020\" role=\"img\">\n"
                     "<title>{2}</title>\n<desc>{3}</desc>\n"
                     "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{4}</svg>\n",
                     width, height, escapeMarkup(chart.title), escapeMarkup(panel.description),
                     canvas.xml);
}

} // namespace zorse::tool::report
