// Small drawings in SVG, made by hand: level shapes, sparklines, the evidence of a condition.

import { at, limitName, number, numeral, quantity, unit } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const OUTLINES = {
  extreme: "7,1 17,1 23,7 23,17 17,23 7,23 1,17 1,7",
  severe: "12,1 23.5,22.5 .5,22.5",
  moderate: "12,.5 23.5,12 12,23.5 .5,12",
};

export function badge(severity) {
  const box = { viewBox: "0 0 24 24", class: `badge ${severity || "normal"}`, "aria-hidden": "true" };
  if (!severity) return svg("svg", box, svg("circle", { cx: 12, cy: 12, r: 4 }));
  const outline = OUTLINES[severity]
    ? svg("polygon", { points: OUTLINES[severity] })
    : svg("circle", { cx: 12, cy: 12, r: 11 });
  const y = severity === "severe" ? 19.5 : 16.2;
  const size = severity === "moderate" || severity === "severe" ? 9.5 : 11;
  const mark = svg("text", { x: 12, y, "text-anchor": "middle", "font-size": size }, numeral(severity));
  return svg("svg", box, outline, mark);
}

function scale(low, high, from, to) {
  const width = high - low || 1;
  return (value) => from + ((value - low) / width) * (to - from);
}

function path(points, x, y) {
  let pen = false;
  return points
    .map(([time, value]) => {
      if (value === null) { pen = false; return ""; }
      const step = `${pen ? "L" : "M"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = true;
      return step;
    })
    .join("");
}

export function sparkline(points) {
  const known = points.filter(([, value]) => value !== null);
  const box = svg("svg", { viewBox: "0 0 96 26", class: "spark", "aria-hidden": "true" });
  if (known.length < 2) return box;
  const values = known.map(([, value]) => value);
  const middle = (Math.min(...values) + Math.max(...values)) / 2;
  const half = Math.max((Math.max(...values) - Math.min(...values)) / 2, Math.abs(middle) * 0.002, 1e-6);
  const x = scale(points[0][0], points[points.length - 1][0], 2, 92);
  const y = scale(middle - half, middle + half, 23, 3);
  const last = known[known.length - 1];
  box.append(
    svg("path", { d: path(points, x, y) }),
    svg("circle", { cx: x(last[0]), cy: y(last[1]), r: 2.2 }),
  );
  return box;
}

function frame(points, limit) {
  const values = points.map(([, value]) => value).filter((value) => value !== null);
  if (limit !== null && limit !== undefined) values.push(limit);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const margin = (high - low || Math.abs(high) || 1) * 0.12;
  return [low - margin, high + margin];
}

export function evidenceChart(evidence, zone, label) {
  const points = evidence.window.map(([time, value]) => [time / 1000, value]);
  if (points.filter(([, value]) => value !== null).length < 2) return null;
  const [low, high] = frame(points, evidence.limit);
  const x = scale(points[0][0], points[points.length - 1][0], 62, 590);
  const y = scale(low, high, 176, 12);
  const chart = svg("svg", { viewBox: "0 0 600 206", class: "chart", role: "img", "aria-label": label });
  for (const value of [low, (low + high) / 2, high]) {
    chart.append(
      svg("line", { x1: 62, x2: 590, y1: y(value), y2: y(value), class: "rule" }),
      svg("text", { x: 56, y: y(value) + 4, "text-anchor": "end" }, number(value)),
    );
  }
  if (evidence.limit !== null) chart.append(...limitLine(evidence, y(evidence.limit)));
  chart.append(svg("path", { d: path(points, x, y), class: "line" }));
  for (const [i, [time, value]] of points.entries()) {
    const quality = evidence.window[i][2];
    if (value !== null && (quality > 2 || points.length <= 60)) {
      chart.append(svg("circle", { cx: x(time), cy: y(value), r: 2.6, class: quality > 2 ? "doubt" : "dot" }));
    }
  }
  const ends = [[points[0][0], 62, "start"], [points[points.length - 1][0], 590, "end"]];
  for (const [time, place, anchor] of ends) {
    chart.append(svg("text", { x: place, y: 200, "text-anchor": anchor }, at(time, zone, { seconds: false })));
  }
  chart.append(svg("text", { x: 4, y: 200 }, unit(evidence.unit || "")));
  return chart;
}

function limitLine(evidence, y) {
  const words = `${limitName(evidence.limit_name || "")} ${quantity(evidence.limit, evidence.unit)}`.trim();
  return [
    svg("line", { x1: 62, x2: 590, y1: y, y2: y, class: "limit" }),
    svg("text", { x: 68, y: y - 6, class: "limitWords" }, words),
  ];
}
