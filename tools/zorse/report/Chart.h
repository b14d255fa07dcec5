//===- Chart.h - a chart, however it is drawn -------------------*- C++ -*-===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The charts of a report are described once and drawn twice: by vega-lite in
// the page and by svgOf() into files.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace zorse::tool::report {

enum class Scale { Linear, Log, Band };

struct Axis {
  std::string title;
  Scale scale = Scale::Linear;
  std::vector<std::string> bands = {}; ///< of a band axis, in order
};

enum class Mark {
  Line,   ///< joins its data in order
  Step,   ///< the same, keeping each value until the next
  Points, ///< one symbol a datum
  Bars,   ///< from 1 to x at band yBand, with the interval [low, high]
  Cells   ///< at bands xBand, yBand, coloured by value >= 1 (1 is best) and labelled with text
};

struct Datum {
  double x = 0, y = 0;
  std::string xBand = {}, yBand = {};
  double low = 0, high = 0, value = 0;
  std::string text = {}; ///< shown when pointed at; the label of a cell
};

struct Series {
  std::string name; ///< series of one name share legend entry and colour
  Mark mark = Mark::Points;
  int colour = 0; ///< place in palette()
  std::vector<Datum> data = {};
};

/// One picture: what is seen at a time.
struct Panel {
  std::string label;       ///< by which a reader chooses it
  std::string description; ///< what it shows, for who cannot see it
  std::string note;        ///< what is left out and why; may be empty
  Axis x, y;
  std::vector<Series> series;
};

struct Chart {
  std::string id, title, caption;
  std::vector<Panel> panels = {};
  std::string note = {}; ///< what is left out of the panels as a whole
  std::string csv = {};  ///< the data, all of it
};

/// Rows of text under a heading of columns. Numeric columns are aligned to the right.
struct Table {
  std::string id, title, caption;
  std::vector<std::string> columns;
  std::vector<bool> isNumeric;
  std::vector<std::vector<std::string>> rows;
};

/// Colours told apart by people of all kinds of colour vision, on white and on black.
const std::vector<std::string> &palette();
/// The colour of a cell: `share` 0 is best, 1 worst, as "#rrggbb".
std::string cellColour(double share);
/// Where a cell stands between best and worst, on a log scale that ends at the tenfold.
double cellShare(double value);

/// XML of one panel, complete in itself.
std::string svgOf(const Chart &chart, const Panel &panel);
/// A vega-lite specification, as JSON.
std::string vegaLiteOf(const Chart &chart, const Panel &panel);
std::string csvOf(const Table &table);

/// One line of CSV (RFC 4180). Text that a spreadsheet would take for a formula gets a quote in
/// front of it.
std::string csvLine(const std::vector<std::string> &fields);

/// Text as it may stand in HTML and XML, attributes included: marks become entities; what is no
/// UTF-8 or no character of XML becomes U+FFFD.
std::string escapeMarkup(std::string_view text);
/// JSON as it may stand inside a script element.
std::string escapeScript(std::string_view json);

/// Four significant digits, without an exponent where that is readable.
std::string formatNumber(double value);

} // namespace zorse::tool::report
