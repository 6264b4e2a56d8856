// Links between pages, and short names of things that several of them speak of.
import { h } from "./dom.js";

/** The address of a page. */
export function address(page, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return `#/${page}${given.length ? `?${new URLSearchParams(given)}` : ""}`;
}

/** A link to a page. */
export function link(page, parameters, ...text) {
  return h("a", { href: address(page, parameters) }, text);
}

/** The way back: [["Runs", "runs", {}], ...]. */
export function crumbs(...steps) {
  return h("p", { class: "crumbs" }, steps.flatMap(([text, page, parameters], index) => [index ? " / " : null, link(page, parameters, text)]));
}

/** A reward spec in a few words. */
export function rewardName(node) {
  if (!node) return "none";
  if (node.leaf) return node.leaf.id;
  const kind = Object.keys(node).find((key) => key !== "name") ?? "";
  const inner = node[kind] ?? {};
  const parts = kind === "weightedSum" ? inner.terms.map((term) => term.reward)
    : kind === "product" ? inner.factors
      : kind === "gate" ? [inner.condition, inner.then]
        : kind === "ensemble" ? inner.members
          : Object.values(inner.routes ?? {});
  return `${kind}(${(parts ?? []).map(rewardName).join(", ")})`;
}

/** The text of a content: a string, or parts. */
export function contentText(content) {
  if (content === undefined || content === null) return "";
  if (typeof content === "string") return content;
  return (content.parts ?? []).map(partText).join("\n");
}

function partText(part) {
  if (part.text !== undefined) return part.text;
  if (part.message) return `${part.message.role}: ${part.message.text ?? ""}`;
  if (part.toolCall) return `→ ${part.toolCall.name}(${JSON.stringify(part.toolCall.arguments ?? part.toolCall.argumentsJson ?? {})})`;
  if (part.toolResult) return `← ${part.toolResult.text ?? ""}`;
  if (part.blob) return `[${part.blob.mediaType ?? "bytes"} ${part.blob.sha256 ?? ""}]`;
  return JSON.stringify(part);
}
