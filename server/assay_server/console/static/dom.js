// Elements and texts. Text becomes a text node, never markup; what text could hide or reorder is made visible.

const SVG_SPACE = "http://www.w3.org/2000/svg";

/** An element: h("a", {href: "#/", class: "x", onclick: f}, "text", otherElement, [more], null). */
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG_SPACE, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) append(element, child);
    else if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

/** Replaces what is in an element. */
export function show(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

const ODD = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udfff]/gu;
const ODD_NAMES = new Map([
  [0x00, "NUL"], [0x07, "BEL"], [0x08, "BS"], [0x0d, "CR"], [0x1b, "ESC"], [0x7f, "DEL"], [0x9b, "CSI"],
  [0xad, "soft hyphen"], [0x61c, "Arabic letter mark"], [0x200b, "zero width space"], [0x200c, "zero width non-joiner"],
  [0x200d, "zero width joiner"], [0x200e, "left-to-right mark"], [0x200f, "right-to-left mark"],
  [0x202a, "left-to-right embedding"], [0x202b, "right-to-left embedding"], [0x202c, "end of direction"],
  [0x202d, "left-to-right override"], [0x202e, "right-to-left override"], [0x2066, "left-to-right isolate"],
  [0x2067, "right-to-left isolate"], [0x2068, "first strong isolate"], [0x2069, "end of isolate"],
  [0xfeff, "byte order mark"],
]);

/** Text as nodes: control, invisible and direction-changing characters stand there by their numbers. */
export function visible(text) {
  const nodes = [];
  let from = 0;
  for (const found of String(text).matchAll(ODD)) {
    if (found.index > from) nodes.push(text.slice(from, found.index));
    const code = found[0].codePointAt(0);
    const number = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
    const name = ODD_NAMES.get(code);
    nodes.push(h("span", { class: "odd", title: name ? `${number}, ${name}` : number }, code === 0x1b ? "ESC" : number));
    from = found.index + found[0].length;
  }
  if (from < text.length) nodes.push(text.slice(from));
  return nodes;
}

/** The same as one line of plain characters, for labels and titles. */
export function plain(text, most = 120) {
  const line = String(text).replace(ODD, (odd) => `<U+${odd.codePointAt(0).toString(16).toUpperCase()}>`);
  const flat = line.replace(/\s+/gu, " ").trim();
  return flat.length > most ? `${flat.slice(0, most - 1)}…` : flat;
}

/** Text of a model, or of whoever: isolated, lines kept. */
export function prose(text, attributes) {
  return h("pre", { class: "prose", dir: "ltr", tabindex: "0", ...attributes }, visible(text));
}

/** An id, on one line. */
export function word(text) {
  return h("bdi", { class: "word" }, visible(text));
}

/** A number for people: three significant digits, thousands set apart; an en dash where there is none. */
export function num(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en-US");
  if (size !== 0 && size < 0.0005) return value.toExponential(1);
  return String(Number(value.toPrecision(digits)));
}

/** A share as a percentage. */
export function percent(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return `${num(100 * value)} %`;
}

/** A table with a caption for those who cannot see what it stands beside. */
export function table(caption, heads, rows, attributes) {
  const numeric = heads.map((head, at) => rows.some((row) => /\d/u.test(textOf(row[at]))) && rows.every((row) => /^[-–+\d.,e %]*$/u.test(textOf(row[at]))));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", attributes,
      h("caption", { class: "hidden" }, caption),
      h("thead", null, h("tr", null, heads.map((head, at) => h("th", { scope: "col", class: numeric[at] ? "n" : null }, head)))),
      h("tbody", null, rows.map((row) => h("tr", null, row.map((cell, at) => h("td", { class: numeric[at] ? "n" : null }, cell)))))));
}

function textOf(cell) {
  if (typeof cell === "string") return cell;
  return cell instanceof Element && cell.matches(".meter") ? cell.textContent : "text";
}

/** Figures with a name each. */
export function tiles(items) {
  return h("dl", { class: "tiles" }, items.filter(Boolean).map(([name, value, note]) =>
    h("div", null, h("dt", null, name), h("dd", null, value, note ? h("small", null, note) : null))));
}

/** JSON, indented. */
export function json(value) {
  return prose(JSON.stringify(value, null, 2), { class: "prose json" });
}

/** What can be opened. */
export function more(summary, ...children) {
  return h("details", null, h("summary", null, summary), children);
}
