// A result with everything that explains it, and text in which the places that count are marked.
import { h, json, num, plain, prose, table, tiles, visible, word } from "./dom.js";

const VERDICTS = { VERDICT_CORRECT: ["correct", "good"], VERDICT_INCORRECT: ["incorrect", "bad"] };

/** A SampleResult: its number and why it is that. */
export function resultView(result) {
  if (!result) return h("p", { class: "note" }, "There is no result yet.");
  if (result.error) return errorView(result.error);
  const score = result.score;
  const [verdict, kind] = VERDICTS[score.verdict] ?? ["no claim", "quiet"];
  const timing = score.timing ?? {};
  return h("div", null,
    tiles([
      ["Reward", num(score.value, 6)],
      ["Verdict", h("span", { class: kind }, verdict)],
      ["Answer", score.answerKey ? word(score.answerKey) : "–"],
      timing.runTime ? ["Verification", milliseconds(timing.runTime)] : null,
      timing.queueTime ? ["Waited", milliseconds(timing.queueTime)] : null,
    ]),
    h("h2", null, "Why this number"),
    table("Components", ["component", "value", "why", "found"], Object.entries(score.components).map(([name, value]) => componentRow(name, value, score.evidence?.[name]))),
    Object.keys(score.constraints ?? {}).length ? table("Constraints", ["constraint", "kept"], Object.entries(score.constraints).map(([name, kept]) => [word(name), kept ? h("span", { class: "good" }, "yes") : h("span", { class: "bad" }, "no")])) : null,
    h("p", { class: "quiet" }, "By ", (score.rewards ?? []).map((pin, index) => [index ? ", " : null, word(pin.replace(/@(.{12}).*/u, "@$1"))])));
}

function componentRow(name, value, evidence) {
  if (!evidence) return [word(name), num(value, 6), "–", "–"];
  const how = [evidence.layer ? `decided by ${evidence.layer}` : "", evidence.method ? `found by ${evidence.method}` : ""].filter(Boolean).join("; ");
  return [word(name), num(value, 6),
    h("div", null, evidence.reason ? h("div", null, visible(evidence.reason)) : null, how ? h("small", null, plain(how)) : null,
      evidence.detail !== undefined ? h("details", null, h("summary", null, "Details"), json(evidence.detail)) : null),
    evidence.extracted ? prose(evidence.extracted, { "aria-label": `what ${plain(name)} read` }) : "–"];
}

function errorView(error) {
  const reason = error.details?.find((detail) => detail.reason)?.reason ?? `code ${error.code}`;
  return h("div", { class: "note wrong" }, h("strong", null, "Could not be scored: ", plain(reason)), h("div", null, visible(error.message ?? "")));
}

function milliseconds(duration) {
  return `${num(1000 * Number(duration.replace("s", "")))} ms`;
}

/** Marks in the action of step `index`: what rewards took from it, and what parts of it were worth. */
export function marksOf(result, index, text, last) {
  const score = result?.score;
  if (!score) return [];
  const characters = Array.from(text);
  const marks = Object.entries(score.evidence ?? {}).filter(([, one]) => (one.end ?? 0) > (one.start ?? 0)).flatMap(([name, one]) => {
    const here = (one.stepIndex ?? 0) === index || (one.stepIndex === undefined && last);
    const slice = characters.slice(one.start ?? 0, one.end).join("");
    const fits = here && one.end <= characters.length && (!one.extracted || slice.includes(one.extracted.trim()) || one.extracted.includes(slice.trim()));
    return fits ? [{ start: one.start ?? 0, end: one.end, kind: "", label: `${name}: ${one.method || "read"}` }] : [];
  });
  const spans = (score.spans ?? []).filter((span) => (span.stepIndex ?? 0) === index).map((span) => ({
    start: span.start ?? 0, end: span.end ?? 0, kind: (span.reward ?? 0) >= 0 ? "span-good" : "span-bad", label: `${span.label ?? "span"}: ${num(span.reward ?? 0)}`,
  }));
  return [...spans, ...marks];
}

/** Text with marks; places are counted in characters, as the server counts them. */
export function markedText(text, marks) {
  const characters = Array.from(text);
  const edges = [...new Set([0, characters.length, ...marks.flatMap((mark) => [mark.start, mark.end])])].filter((at) => at >= 0 && at <= characters.length).sort((a, b) => a - b);
  const nodes = edges.slice(0, -1).map((from, index) => {
    const to = edges[index + 1];
    const shown = visible(characters.slice(from, to).join(""));
    const covering = marks.filter((mark) => mark.start <= from && mark.end >= to);
    return covering.length ? h("mark", { class: covering.at(-1).kind || null, title: covering.map((mark) => plain(mark.label)).join("; ") }, shown) : shown;
  });
  return h("pre", { class: "prose", dir: "ltr", tabindex: "0" }, nodes);
}
