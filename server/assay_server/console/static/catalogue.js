// What can be named: rewards, environments, estimators.
import { h, show, json, more, num, prose, visible, word } from "./dom.js";
import { call } from "./api.js";

const LANES = { LANE_INLINE: "inline", LANE_CPU: "cpu", LANE_IO: "io", LANE_SANDBOX: "sandbox" };

/** The page, searchable. */
export async function cataloguePage(page, parameters, signal) {
  const [{ rewards }, { estimators }, { environments }] = await Promise.all([
    call("RewardService/ListRewards", {}, signal), call("AdvantageService/ListEstimators", {}, signal), call("EnvironmentService/ListEnvironments", {}, signal)]);
  const kinds = [
    ["Rewards", rewards ?? [], (one) => [one.broken ? h("p", { class: "note wrong" }, visible(one.brokenReason ?? "broken")) : null, facts([["lane", LANES[one.lane]], ["scope", scope(one)], ["bounds", `${num(one.min ?? 0)} to ${num(one.max ?? 0)}`], ["reference", (one.referenceKeys ?? []).join(", ")], ["signals", (one.requiredSignals ?? []).join(", ")], ["source", one.source]]), schema(one.paramsSchema)]],
    ["Estimators", estimators ?? [], (one) => [one.formula ? prose(one.formula, { "aria-label": "formula" }) : null, facts([["scope", scope(one)], ["signals", (one.requiredSignals ?? []).join(", ")], ["source", one.source]]), schema(one.paramsSchema)]],
    ["Environments", environments ?? [], (one) => [facts([["replay", (one.replay ?? "").replace("REPLAY_CLASS_", "").toLowerCase()]]), schema(one.optionsSchema)]],
  ];
  const search = h("input", { id: "search", type: "search", size: 30, value: parameters.get("q") ?? "" });
  const place = h("div");
  const draw = () => {
    const wanted = search.value.trim().toLowerCase();
    show(place, kinds.map(([title, all, body]) => {
      const found = all.filter((one) => `${one.id} ${one.summary ?? ""}`.toLowerCase().includes(wanted));
      return h("section", null, h("h2", null, `${title} (${found.length})`), found.map((one) => entry(one, body)));
    }));
  };
  search.addEventListener("input", draw);
  show(page, h("h1", null, "Catalogue"), h("label", { class: "field", for: "search" }, "Search"), search, place);
  draw();
}

function entry(one, body) {
  const details = h("details", { class: "entry" }, h("summary", null, word(one.id), " ", h("span", null, visible(one.summary ?? ""))));
  details.addEventListener("toggle", () => {
    if (!details.open || details.childElementCount > 1) return;
    details.append(h("div", null, one.doc ? prose(one.doc, { "aria-label": "documentation" }) : null, ...body(one).flat().filter(Boolean), h("p", { class: "quiet" }, "Version ", word(`${one.id}@${one.digest ?? ""}`))));
  });
  return details;
}

function scope(one) {
  return (one.scope ?? "SCOPE_SAMPLE").replace("SCOPE_", "").toLowerCase();
}

function facts(pairs) {
  const there = pairs.filter(([, value]) => value);
  return there.length ? h("p", null, there.map(([name, value], index) => [index ? " · " : null, h("span", { class: "quiet" }, `${name} `), h("span", null, visible(String(value)))])) : null;
}

function schema(value) {
  return value && Object.keys(value.properties ?? {}).length ? more("Parameters", json(value)) : null;
}
