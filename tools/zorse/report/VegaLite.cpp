//===- VegaLite.cpp - a panel as a vega-lite specification -------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "Chart.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace zorse::tool::report {

using Json = nlohmann::ordered_json;

static Json axisOf(const Axis &axis, std::string_view field) {
  Json channel = {{"field", field}, {"title", axis.title}};
  if (axis.scale == Scale::Band) {
    channel["type"] = "nominal";
    channel["sort"] = axis.bands;
    channel["scale"] = {{"domain", axis.bands}};
    channel["axis"] = {{"labelLimit", 560}, {"labelAngle", 0}};
    if (axis.title.empty())
      channel["title"] = nullptr;
    return channel;
  }
  channel["type"] = "quantitative";
  channel["scale"] = {{"zero", false}, {"nice", true}};
  if (axis.scale == Scale::Log)
    channel["scale"] = {{"type", "log"}, {"nice", false}, {"padding", 12}};
  channel["axis"] = {{"tickCount", axis.scale == Scale::Log ? 6 : 8}, {"format", "~r"}};
  return channel;
}

static Json valuesOf(const std::vector<const Series *> &group) {
  Json values = Json::array();
  for (size_t i = 0; i < group.size(); ++i)
    for (const Datum &datum : group[i]->data) {
      Json value = {{"s", group[i]->name}, {"g", i}, {"t", datum.text}};
      if (datum.xBand.empty())
        value["x"] = datum.x;
      else
        value["x"] = datum.xBand;
      if (datum.yBand.empty())
        value["y"] = datum.y;
      else
        value["y"] = datum.yBand;
      if (group[i]->mark == Mark::Bars)
        value.update({{"from", 1}, {"low", datum.low}, {"high", datum.high}});
      if (group[i]->mark == Mark::Cells) {
        double share = cellShare(datum.value);
        value.update({{"c", cellColour(share)}, {"dark", share > 0.45 ? 1 : 0}});
      }
      values.push_back(std::move(value));
    }
  return values;
}

static void addCells(Json &layers, const Panel &panel, const Json &data) {
  Json x = axisOf(panel.x, "x"), y = axisOf(panel.y, "y");
  layers.push_back({{"data", data},
                    {"mark", {{"type", "rect"}, {"stroke", "#808080"}, {"strokeWidth", 0.5}}},
                    {"encoding",
                     {{"x", x},
                      {"y", y},
                      {"color", {{"field", "c"}, {"type", "nominal"}, {"scale", nullptr}}},
                      {"tooltip", {{"field", "t"}, {"title", "best, us"}}}}}});
  Json ink = {{"condition", {{"test", "datum.dark == 1"}, {"value", "#ffffff"}}},
              {"value", "#000000"}};
  layers.push_back(
      {{"data", data},
       {"mark", {{"type", "text"}, {"fontSize", 11}}},
       {"encoding", {{"x", x}, {"y", y}, {"text", {{"field", "t"}}}, {"color", ink}}}});
}

static void addBars(Json &layers, const Panel &panel, const Json &data, const Json &colour) {
  Json x = axisOf(panel.x, "from"), y = axisOf(panel.y, "y");
  Json tooltip = {{"field", "t"}, {"title", "speed-up"}};
  layers.push_back(
      {{"data", data},
       {"mark", {{"type", "bar"}, {"height", {{"band", 0.6}}}}},
       {"encoding",
        {{"x", x}, {"x2", {{"field", "x"}}}, {"y", y}, {"color", colour}, {"tooltip", tooltip}}}});
  layers.push_back({{"data", data},
                    {"mark", {{"type", "rule"}, {"color", "#808080"}, {"strokeWidth", 2}}},
                    {"encoding",
                     {{"x", {{"field", "low"}, {"type", "quantitative"}}},
                      {"x2", {{"field", "high"}}},
                      {"y", y},
                      {"tooltip", tooltip}}}});
}

static void addMarks(Json &layers, const Panel &panel, Mark mark, const Json &data,
                     const Json &colour) {
  Json encoding = {{"x", axisOf(panel.x, "x")},
                   {"y", axisOf(panel.y, "y")},
                   {"color", colour},
                   {"tooltip", {{"field", "t"}, {"title", "this"}}}};
  // A word for each of thousands of marks would drown a screen reader; the description tells.
  Json style = {{"aria", false}, {"clip", true}};
  if (mark == Mark::Points) {
    style.update({{"type", "point"}, {"filled", true}, {"size", 45}, {"opacity", 0.75}});
    encoding["size"] = {{"condition",
                         {{"test", "datum.s == 'winner' || datum.s == 'default "
                                   "configuration'"},
                          {"value", 150}}},
                        {"value", 40}};
    encoding["shape"] = {{"condition", {{"test", "datum.s == 'winner'"}, {"value", "diamond"}}},
                         {"value", "circle"}};
  } else {
    bool isCrowded = data["values"].size() > 100;
    style.update({{"type", "line"}, {"strokeWidth", isCrowded ? 1 : 2}});
    if (mark == Mark::Step)
      style["interpolate"] = "step-after";
    encoding["detail"] = {{"field", "g"}, {"type", "nominal"}};
    encoding["order"] = {{"field", "x"}, {"type", "quantitative"}};
  }
  layers.push_back({{"data", data}, {"mark", style}, {"encoding", encoding}});
}

std::string vegaLiteOf(const Chart &chart, const Panel &panel) {
  Json names = Json::array(), colours = Json::array();
  for (const Series &series : panel.series)
    if (std::find(names.begin(), names.end(), Json(series.name)) == names.end()) {
      names.push_back(series.name);
      colours.push_back(palette()[size_t(series.colour) % palette().size()]);
    }
  Json colour = {{"field", "s"},
                 {"type", "nominal"},
                 {"title", nullptr},
                 {"scale", {{"domain", names}, {"range", colours}}}};
  if (names.size() < 2)
    colour["legend"] = nullptr;
  Json layers = Json::array();
  for (Mark mark : {Mark::Cells, Mark::Bars, Mark::Points, Mark::Step, Mark::Line}) {
    std::vector<const Series *> group, onTop;
    for (const Series &series : panel.series)
      if (series.mark == mark)
        group.push_back(&series);
    if (group.empty())
      continue;
    Json data = {{"values", valuesOf(group)}};
    if (mark == Mark::Cells)
      addCells(layers, panel, data);
    else if (mark == Mark::Bars)
      addBars(layers, panel, data, colour);
    else
      addMarks(layers, panel, mark, data, colour);
  }
  bool hasBands = panel.y.scale == Scale::Band;
  Json spec = {
      {"title", {{"text", panel.label}, {"anchor", "start"}, {"limit", 900}}},
      {"description", panel.description},
      {"width", "container"},
      {"height", hasBands ? Json(34 * std::max<size_t>(panel.y.bands.size(), 1)) : Json(380)},
      {"autosize", {{"type", "fit-x"}, {"contains", "padding"}}},
      {"background", nullptr},
      {"layer", layers},
      {"config",
       {{"font", "system-ui, sans-serif"},
        {"view", {{"stroke", "#80808060"}}},
        {"title", {{"fontSize", 13}, {"fontWeight", 600}}},
        {"axis",
         {{"gridColor", "#8080802c"},
          {"domainColor", "#808080"},
          {"tickColor", "#808080"},
          {"labelFontSize", 11},
          {"titleFontSize", 12},
          {"titlePadding", 10}}},
        {"legend",
         {{"orient", "top"},
          {"labelFontSize", 12},
          {"labelLimit", 320},
          {"symbolOpacity", 1},
          {"columns", 5}}}}}};
  return spec.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace zorse::tool::report
