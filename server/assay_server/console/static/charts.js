// Pictures of numbers: lines and bars as SVG of the width that there is, each with its numbers as a table.
import { h, svg, show, num, table, more } from "./dom.js";

const HEIGHT = 200;
const WIDEST = 64;
const PAD = { left: 44, right: 10, top: 8, bottom: 24 };

/**
 * Lines over an axis. series: [{name, x: [...], y: [...], band?: [...], dashed?}]; y may have nulls.
 * options: {title, note, axis, domain: [low, high]}.
 */
export function lines(series, options) {
  const drawn = series.filter((one) => one.y.some((value) => value !== null));
  if (drawn.length === 0) return null;
  const readout = h("output", { class: "readout" });
  const heads = [options.axis, ...drawn.map((one) => one.name)];
  const all = [...new Set(drawn.flatMap((one) => one.x))].sort((a, b) => a - b);
  const at = drawn.map((one) => new Map(one.x.map((x, index) => [x, one.y[index]])));
  const rows = () => all.map((x) => [num(x), ...at.map((values) => num(values.get(x)))]);
  const picture = responsive((width, place) => {
    const shape = frame(drawn, all, options, width);
    const cursor = svg("line", { class: "cursor", y1: PAD.top, y2: HEIGHT - PAD.bottom, visibility: "hidden" });
    let where = -1;
    const point = (index) => {
      where = Math.max(0, Math.min(all.length - 1, index));
      const x = shape.x(all[where]);
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      cursor.setAttribute("visibility", "visible");
      show(readout, `${options.axis} ${num(all[where])}: `, drawn.map((one, index2) => `${one.name} ${num(at[index2].get(all[where]))}`).join(", "));
    };
    const nearest = (event) => {
      const x = event.clientX - place.getBoundingClientRect().left;
      point(all.reduce((best, value, index) => (Math.abs(shape.x(value) - x) < Math.abs(shape.x(all[best]) - x) ? index : best), 0));
    };
    const keys = (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -all.length, End: all.length }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      point(where + step);
    };
    return svg("svg", {
      width, height: HEIGHT, role: "img", tabindex: "0", onpointermove: nearest, onkeydown: keys,
      "aria-label": `${options.title}: ${drawn.map((one) => `${one.name}, ${said(one.y)}`).join("; ")}. Arrow keys read values.`,
    }, shape.grid, drawn.map((one, index) => path(one, index, shape)), cursor);
  });
  return figure(options, drawn.length > 1 || options.legend ? legend(drawn) : null, picture, readout, () => table(options.title, heads, rows()));
}

/** Bars. items: [{label, count, other?}]; options: {title, note, names: [first, second], axis}. */
export function bars(items, options) {
  if (items.length === 0) return null;
  const pairs = items.some((item) => item.other !== undefined);
  const most = Math.max(...items.map((item) => Math.max(item.count, item.other ?? 0)), 1e-12);
  const picture = responsive((width) => {
    const inner = width - PAD.left - PAD.right;
    const step = inner / items.length;
    const y = (value) => PAD.top + (HEIGHT - PAD.top - PAD.bottom) * (1 - value / most);
    const bar = (value, left, share, kind) => svg("rect", {
      class: `bar ${kind}`, x: left + Math.max(0, share - WIDEST) / 2, y: y(value), width: Math.max(1, Math.min(share, WIDEST)), height: Math.max(0, y(0) - y(value)),
    });
    const every = Math.max(1, Math.ceil((items.length * 44) / inner));
    return svg("svg", {
      width, height: HEIGHT, role: "img",
      "aria-label": `${options.title}: ${items.length} bars, the highest ${num(most)} at ${items.find((item) => Math.max(item.count, item.other ?? 0) === most)?.label ?? ""}`,
    },
    ticks(0, most).map((value) => [
      svg("line", { class: "grid", x1: PAD.left, x2: width - PAD.right, y1: y(value), y2: y(value) }),
      svg("text", { class: "tick", x: PAD.left - 6, y: y(value) + 4, "text-anchor": "end" }, num(value)),
    ]),
    items.map((item, index) => {
      const left = PAD.left + step * index;
      return [
        bar(item.count, left + step * 0.1, step * (pairs ? 0.38 : 0.8), "f0"),
        pairs ? bar(item.other ?? 0, left + step * 0.52, step * 0.38, "f1") : null,
        index % every === 0 ? svg("text", { class: "tick", x: left + step / 2, y: HEIGHT - 7, "text-anchor": "middle" }, item.label) : null,
      ];
    }));
  });
  const names = options.names ?? ["count"];
  const heads = [options.axis ?? "value", ...(pairs ? names : [names[0]])];
  const rows = () => items.map((item) => [item.label, num(item.count), ...(pairs ? [num(item.other ?? 0)] : [])]);
  return figure(options, pairs ? legend(names.map((name) => ({ name }))) : null, picture, null, () => table(options.title, heads, rows()));
}

/** Bars of a histogram {edges, counts}; with another one beside it, both as shares of their totals. */
export function histogram(one, other, options) {
  if (one.counts.length === 0) return null;
  const middle = (index) => num((one.edges[index] + one.edges[index + 1]) / 2);
  if (!other || other.counts.length === 0) {
    return bars(one.counts.map((count, index) => ({ label: middle(index), count })), options);
  }
  const low = Math.min(one.edges[0], other.edges[0]);
  const high = Math.max(one.edges.at(-1), other.edges.at(-1));
  const bins = 20;
  const shares = [one, other].map((each) => rebinned(each, low, high, bins));
  const width = (high - low) / bins || 1;
  return bars(shares[0].map((count, index) => ({ label: num(low + width * (index + 0.5)), count, other: shares[1][index] })), options);
}

function rebinned(each, low, high, bins) {
  const shares = new Array(bins).fill(0);
  const total = each.counts.reduce((sum, count) => sum + count, 0) || 1;
  each.counts.forEach((count, index) => {
    const middle = (each.edges[index] + each.edges[index + 1]) / 2;
    const at = high > low ? Math.min(bins - 1, Math.floor(((middle - low) / (high - low)) * bins)) : 0;
    shares[at] += count / total;
  });
  return shares;
}

function frame(drawn, all, options, width) {
  const values = drawn.flatMap((one) => one.y.flatMap((value, index) => (value === null ? [] : one.band ? [value - (one.band[index] ?? 0), value + (one.band[index] ?? 0)] : [value])));
  let [low, high] = options.domain ?? [Math.min(...values), Math.max(...values)];
  if (!options.domain) {
    const room = (high - low) * 0.05 || Math.abs(high) * 0.1 || 0.5;
    [low, high] = [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
  }
  const [first, last] = [all[0], all.at(-1)];
  const x = (value) => PAD.left + (last > first ? (value - first) / (last - first) : 0.5) * (width - PAD.left - PAD.right);
  const y = (value) => PAD.top + (1 - (Math.max(low, Math.min(high, value)) - low) / (high - low)) * (HEIGHT - PAD.top - PAD.bottom);
  const along = ticks(first, last, Math.max(2, Math.floor(width / 90))).filter((value) => Number.isInteger(value));
  const grid = [
    ticks(low, high).map((value) => [
      svg("line", { class: "grid", x1: PAD.left, x2: width - PAD.right, y1: y(value), y2: y(value) }),
      svg("text", { class: "tick", x: PAD.left - 6, y: y(value) + 4, "text-anchor": "end" }, num(value)),
    ]),
    along.map((value) => svg("text", { class: "tick", x: x(value), y: HEIGHT - 7, "text-anchor": "middle" }, num(value))),
  ];
  return { x, y, grid };
}

function path(one, index, shape) {
  const points = one.x.flatMap((x, at) => (one.y[at] === null ? [] : [[shape.x(x), one.y[at], one.band?.[at] ?? 0]]));
  const style = `s${index % 8}${one.dashed ? " dashed" : ""}`;
  const d = points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${shape.y(y).toFixed(1)}`).join("");
  const drawn = [svg("path", { class: `line ${style}`, d })];
  if (points.length === 1) drawn.push(svg("circle", { class: `dot f${index % 8}`, cx: points[0][0], cy: shape.y(points[0][1]), r: 4 }));
  if (one.band) {
    const upper = points.map(([x, y, band]) => `${x.toFixed(1)} ${shape.y(y + band).toFixed(1)}`);
    const lower = points.map(([x, y, band]) => `${x.toFixed(1)} ${shape.y(y - band).toFixed(1)}`).reverse();
    drawn.unshift(svg("path", { class: `band f${index % 8}`, d: `M${[...upper, ...lower].join("L")}Z` }));
  }
  return drawn;
}

/** Round numbers between two others. */
export function ticks(low, high, about = 4) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const rough = span / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

function said(y) {
  const there = y.filter((value) => value !== null);
  return `from ${num(there[0])} to ${num(there.at(-1))}`;
}

function legend(series) {
  return h("ul", { class: "legend" }, series.map((one, index) =>
    h("li", null, svg("svg", { width: 18, height: 10, "aria-hidden": "true" },
      svg("line", { class: `line s${index % 8}${one.dashed ? " dashed" : ""}`, x1: 0, x2: 18, y1: 5, y2: 5 })), one.name)));
}

function figure(options, key, picture, readout, numbers) {
  const details = more("Numbers");
  details.addEventListener("toggle", () => details.open && details.childElementCount === 1 && details.append(numbers()));
  return h("figure", { class: "chart" },
    h("figcaption", null, h("h3", null, options.title), options.note ? h("p", null, options.note) : null), key, picture, readout, details);
}

/** A place that is drawn anew whenever its width changes. */
export function responsive(draw) {
  const place = h("div", { class: "picture" });
  let drawnWidth = 0;
  new ResizeObserver((entries) => {
    const width = Math.floor(entries[0].contentRect.width);
    if (width < 20 || Math.abs(width - drawnWidth) < 2) return;
    drawnWidth = width;
    show(place, draw(width, place));
  }).observe(place);
  return place;
}
